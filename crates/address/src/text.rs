//! Addresses within other texts.

use std::borrow::Cow;
use std::ops::Range;

use crate::SourceAddress;

/// Where the addresses with a scheme are in a text.
#[must_use]
pub fn find_addresses(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(colon) = text[from..].find("://").map(|at| from + at) {
        from = colon + 3;
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let start = text[..colon]
            .rfind(|c| !is_scheme(c))
            .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
        let is_end =
            |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '<' | '>' | '`' | '\\');
        let end = text[from..].find(is_end).map_or(text.len(), |at| from + at);
        // What a sentence puts behind an address.
        let end = from + text[from..end].trim_end_matches(['\'', '.', ',', ';', ':', ')', ']']).len();
        if start < colon && found.last().is_none_or(|last| last.end <= start) {
            found.push(start..end);
            from = end;
        }
    }
    found
}

/// The text with the secrets of every address in it hidden.
#[must_use]
pub fn redact_text(text: &str) -> Cow<'_, str> {
    let (mut clean, mut done) = (String::new(), 0);
    for range in find_addresses(text) {
        let address = SourceAddress::new(&text[range.clone()]);
        if address.holds_secret() {
            clean.push_str(&text[done..range.start]);
            clean.push_str(&address.to_string());
            done = range.end;
        }
    }
    if done == 0 { Cow::Borrowed(text) } else { Cow::Owned(clean + &text[done..]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_in_sentences_and_files() {
        for (text, clean) in [
            ("no address", "no address"),
            ("Impossible to open 'http://a:b@c/d'.", "Impossible to open 'http://…@c/d'."),
            ("source = \"rtsp://a:it's@c\" # x", "source = \"rtsp://…@c\" # x"),
            ("<model>http://a:b@c</model>", "<model>http://…@c</model>"),
            ("(see https://github.com/sccn/xdf/wiki)", "(see https://github.com/sccn/xdf/wiki)"),
            ("a http://a:b@c, b http://d:e@f:80/?k=v", "a http://…@c, b http://…@f:80/?k=…"),
            ("ü://x é http://a:b@c\u{2026}", "ü://x é http://…@c\u{2026}"),
            ("http://h/http://a:b@c", "http://h/…//…"),
        ] {
            assert_eq!(redact_text(text), clean);
        }
    }
}
