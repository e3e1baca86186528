//! What commands print: results to standard output, everything else to standard error. Colours only where a person looks.

use std::io::{self, Write as _};

use owo_colors::{OwoColorize as _, Style};
use protocol::{Class, Conclusion};
use serde::Serialize;

/// Prints one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Prints text for a person, with a line feed. Styles in it are dropped where nobody would see them.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Says something beside the results. Nobody hears a closed standard error, and no command fails for it.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// The colour of a class.
pub(crate) fn of_class(class: Class) -> Style {
    match class {
        Class::Ok => Style::new().green(),
        Class::Skipped => Style::new().dimmed(),
        Class::Review => Style::new().cyan(),
        Class::Inconclusive => Style::new().yellow(),
        Class::Bad => Style::new().red(),
    }
}

/// A conclusion in its colour.
pub(crate) fn conclusion(conclusion: Conclusion) -> String {
    conclusion.style(of_class(conclusion.class()).bold()).to_string()
}

/// A table with a line for each row, in columns as wide as they need to be.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_header(header.iter().map(|name| name.to_uppercase()));
    table.add_rows(rows);
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_table_has_a_header_and_a_line_a_row() {
        let table = super::table(&["job", "state"], [vec!["job_1".to_owned(), "queued".to_owned()]]);
        assert_eq!(table, "JOB    STATE\njob_1  queued");
    }
}
