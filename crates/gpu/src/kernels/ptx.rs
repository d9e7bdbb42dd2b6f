//! The compiled kernels.

/// A source file's PTX.
pub(crate) struct Ptx {
    /// Name of the source file in `kernels/`.
    pub file: &'static str,
    /// What NVIDIA's compiler made of it.
    pub text: &'static str,
}

macro_rules! ptx {
    ($($(#[$attribute:meta])* $constant:ident = $name:literal;)*) => {
        $($(#[$attribute])* pub(crate) const $constant: Ptx = Ptx {
            file: concat!($name, ".cu"),
            text: include_str!(concat!("../../kernels/", $name, ".ptx")),
        };)*
        #[cfg(test)]
        const ALL: &[Ptx] = &[$($constant),*];
    };
}

ptx! {
    #[cfg(any(test, feature = "measure"))]
    APART = "apart";
    CROP = "crop";
    DECODE = "decode";
    LANDMARKS = "landmarks";
    LETTERBOX = "letterbox";
    PREVIEW = "preview";
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use sha2::{Digest, Sha256};

    use super::*;

    /// As `kernels/compile.py` takes it: options, headers in order of their names, source.
    fn fingerprint(source: &str) -> String {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
        let mut headers: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "cuh"))
            .collect();
        headers.sort();
        let mut hash = Sha256::new();
        for path in [folder.join("compile.py")].iter().chain(&headers).chain([&folder.join(source)]) {
            hash.update(std::fs::read(path).unwrap());
        }
        hash.finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    #[test]
    fn the_ptx_comes_from_the_source() {
        for ptx in ALL {
            let first = ptx.text.lines().next().unwrap_or_default();
            let expected = format!("// {} sha256:{}", ptx.file, fingerprint(ptx.file));
            assert_eq!(first, expected, "{} is newer than its PTX: run `./x ptx`", ptx.file);
            assert!(ptx.text.contains(".target sm_75"), "{}", ptx.file);
        }
    }

    #[test]
    fn no_source_is_forgotten() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
        let count = std::fs::read_dir(folder)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "cu"))
            .count();
        assert_eq!(count, ALL.len());
    }
}
