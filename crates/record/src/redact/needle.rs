//! What is looked for, in each way in which files write it.

use mien_address::SourceAddress;

/// An address as a file has it, and the same with its secrets masked, of the same length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needle {
    pub secret: Vec<u8>,
    pub masked: Vec<u8>,
}

/// A character as XML, JSON and basic TOML strings write it.
type Escape = fn(char) -> String;

impl Needle {
    /// An address, as text, XML and quoted strings have it.
    pub fn of(address: &SourceAddress) -> Vec<Self> {
        let escapes: [Escape; 4] =
            [|c| c.to_string(), in_xml, in_string, |c| in_string(c).replace('\\', "\\\\")];
        let mut needles: Vec<Self> = Vec::new();
        for escape in escapes {
            let needle = Self::new(address, escape);
            if needle.secret != needle.masked && !needles.contains(&needle) {
                needles.push(needle);
            }
        }
        needles
    }

    fn new(address: &SourceAddress, escape: Escape) -> Self {
        let (mut secret, mut masked) = (Vec::new(), Vec::new());
        let mask = address.masked();
        for (place, c) in address.expose_secret().char_indices() {
            let written = escape(c);
            let is_hidden = !mask[place..].starts_with(c);
            secret.extend_from_slice(written.as_bytes());
            match is_hidden {
                true => masked.resize(secret.len(), b'*'),
                false => masked.extend_from_slice(written.as_bytes()),
            }
        }
        Self { secret, masked }
    }
}

fn in_xml(c: char) -> String {
    match c {
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '&' => "&amp;".to_owned(),
        _ => c.to_string(),
    }
}

fn in_string(c: char) -> String {
    match c {
        '"' | '\\' => format!("\\{c}"),
        _ => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_has_a_mask_of_its_length() {
        let needles = Needle::of(&SourceAddress::new("http://al:p\"é&x@cam/?fps=3&pwd=a<b"));
        assert_eq!(needles.len(), 4);
        for Needle { secret, masked } in &needles {
            assert_eq!(secret.len(), masked.len());
        }
        let texts: Vec<_> = needles.iter().map(|needle| String::from_utf8_lossy(&needle.masked)).collect();
        assert_eq!(texts[0], "http://*********@cam/?fps=3&pwd=***");
        assert_eq!(texts[1], "http://*************@cam/?fps=3&amp;pwd=******");
        assert_eq!(texts[2], "http://**********@cam/?fps=3&pwd=***");
        assert!(Needle::of(&SourceAddress::new("http://cam/")).is_empty());
    }
}
