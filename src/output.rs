//! Standard output and standard error, whose readers may go away (`mien cameras | head`, a terminal that is closed):
//! that ends no recording, and no panic is shown.

/// A line on standard output; nothing where nobody reads it any more.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _nobody_reads = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// Likewise, without the line's end.
macro_rules! say_part {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _nobody_reads = write!(std::io::stdout(), $($text)*);
    }};
}

/// A line on standard error; nothing where nobody reads it any more.
macro_rules! say_error {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _nobody_reads = writeln!(std::io::stderr(), $($text)*);
    }};
}
