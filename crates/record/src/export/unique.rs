//! Names that stay apart.

use std::collections::{HashMap, HashSet};

/// Gives out names, each once. Names that differ in case only count as the same: some file systems would put both
/// into one file.
#[derive(Default)]
pub(super) struct UniqueNames {
    taken: HashSet<String>,
    /// How often a name was wanted.
    wanted: HashMap<String, u64>,
}

impl UniqueNames {
    /// The name, or with `separator` and a number behind it where it is taken.
    pub fn take(&mut self, name: &str, separator: char) -> String {
        loop {
            let count = self.wanted.entry(name.to_ascii_lowercase()).or_default();
            *count += 1;
            let candidate = if *count == 1 { name.to_owned() } else { format!("{name}{separator}{count}") };
            if self.taken.insert(candidate.to_ascii_lowercase()) {
                return candidate;
            }
        }
    }
}
