//! The little XML that XDF and LSL carry: elements with text or children, no attributes.

use std::fmt::{self, Write as _};

/// An XML element without attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// An element with nothing in it.
    ///
    /// `name` is written as it is: it must be an XML name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), text: String::new(), children: Vec::new() }
    }

    /// An element with text; characters that XML gives a meaning are escaped, those it cannot hold
    /// become U+FFFD.
    #[must_use]
    pub fn text(name: impl Into<String>, text: impl fmt::Display) -> Self {
        Self { name: name.into(), text: text.to_string(), children: Vec::new() }
    }

    /// The same element with one more child.
    #[must_use]
    pub fn with(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    /// The same element with more children.
    #[must_use]
    pub fn with_all(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// A whole XML document with this element as its root.
    #[must_use]
    pub fn document(&self) -> String {
        format!("<?xml version=\"1.0\"?>{self}")
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.name)?;
        for character in self.text.chars() {
            match character {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '\t' | '\n' | '\r' => f.write_char(character)?,
                '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}')?,
                _ => f.write_char(character)?,
            }
        }
        for child in &self.children {
            write!(f, "{child}")?;
        }
        write!(f, "</{}>", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_read_back() {
        let nasty = "a<b>&\"c\" \u{1}\n\u{ffff} Zoë";
        let element = Element::new("desc").with(Element::text("label", nasty));
        let document = element.document();
        let parsed = roxmltree::Document::parse(&document).expect("well-formed");
        let label = parsed.root_element().first_element_child().expect("a child");
        assert_eq!(label.text(), Some("a<b>&\"c\" \u{fffd}\n\u{fffd} Zoë"));
    }
}
