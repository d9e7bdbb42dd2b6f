//! Other words in the place of secrets.

use crate::parts::secret_ranges;

/// The address with something else for each secret.
pub(crate) fn replaced(address: &str, other: impl Fn(&str) -> String) -> String {
    let (mut result, mut done) = (String::new(), 0);
    for secret in secret_ranges(address) {
        result.push_str(&address[done..secret.start]);
        result.push_str(&other(&address[secret.clone()]));
        done = secret.end;
    }
    result + &address[done..]
}
