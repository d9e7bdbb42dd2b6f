//! Face identities through misses and crossings; temporal filters.
