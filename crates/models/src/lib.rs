//! Model files: manifest, roles, hashes, import of foreign bundles.
