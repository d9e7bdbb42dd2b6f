//! Texts of a recording in tables that spreadsheets open.

/// A text as a spreadsheet shows it and does not compute it: one that begins like a formula (`=`, `+`, `-`, `@`) gets
/// an apostrophe ahead. Numbers stay as they are.
pub(super) fn cell(text: &str) -> String {
    let begins_a_formula = |c: char| {
        matches!(
            c,
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}'
        )
    };
    let is_formula = text.trim_start_matches([' ', '\u{a0}']).starts_with(begins_a_formula);
    if is_formula && text.trim().parse::<f64>().is_err() { format!("'{text}") } else { text.to_owned() }
}

/// A text as a field of a CSV file (RFC 4180).
pub(super) fn field(text: &str) -> String {
    let text = cell(text);
    // Some spreadsheets split at semicolons and tabs, too.
    if text.contains([',', ';', '\t', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_texts_and_numbers_stay() {
        for formula in ["=1+1", "+cmd", "-a", "@SUM(1)", "\t=1", "=", " =1", "\u{ff1d}1", "-1+1"] {
            assert_eq!(cell(formula), format!("'{formula}"));
        }
        for plain in ["", "a=1", "-1.5", "+3", "-inf", "1e-3", " -2 ", "stimulus 1", "'=1"] {
            assert_eq!(cell(plain), plain);
        }
        assert_eq!(field("=a,\"b\""), "\"'=a,\"\"b\"\"\"");
        assert_eq!(field("a;=1"), "\"a;=1\"");
    }
}
