//! CSV in and out. What comes in is read whatever separates its columns; what goes out opens in a spreadsheet as text.

use std::borrow::Cow;

/// First characters that make a spreadsheet take a cell for a formula, or for the end of one (OWASP, CSV injection).
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The cell as text: a leading apostrophe keeps a spreadsheet from computing it.
pub(super) fn harmless(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(FORMULA_STARTS) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// What separates the columns: whichever of the usual ones the first line has most of.
pub(super) fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |sign: u8| first.bytes().filter(|byte| *byte == sign).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|sign| count(*sign)).unwrap_or(b',')
}

/// A line of a table with the number that an editor shows for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) cells: Vec<String>,
}

/// Columns of a file: more than any table of links has. Each is offered five times over.
const MAX_COLUMNS: usize = 256;
/// Cells of a file: a hundred columns of five thousand rows. In memory a cell takes many times as much as the comma behind
/// it does in the file.
const MAX_CELLS: usize = 500_000;
/// Bytes of the name of a column.
const MAX_NAME_BYTES: usize = 1_024;

/// Why a file is not read: the line, and what is wrong and what to do, as the rest of a sentence about it.
pub(super) type Unread = (u64, String);

/// A file as it was read.
pub(super) struct Sheet {
    pub(super) header: Vec<String>,
    pub(super) lines: Vec<Line>,
    /// Whether there are lines beyond those that may be.
    pub(super) is_cut: bool,
}

/// The header and at most `most` lines, and whether there are more. A line that cannot be read is an error with its number.
pub(super) fn read(text: &str, most: usize) -> Result<Sheet, Unread> {
    // A byte order mark is part of no header.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter(text)).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let at = |error: &csv::Error| error.position().map_or(1, |position| LineNumbers::of(text).at(position.byte()));
    let header = reader.headers().map_err(|error| (at(&error), error.to_string()))?;
    expect_columns(1, header)?;
    if header.iter().any(|name| name.len() > MAX_NAME_BYTES) {
        return Err((
            1,
            format!("it has the name of a column that is longer than {MAX_NAME_BYTES} bytes; the first line names the columns"),
        ));
    }
    let header = header.iter().map(str::to_owned).collect::<Vec<_>>();
    let (mut lines, mut cells) = (Vec::new(), 0);
    let mut numbers = LineNumbers::of(text);
    for record in reader.records() {
        let record = record.map_err(|error| (at(&error), error.to_string()))?;
        if lines.len() == most {
            return Ok(Sheet { header, lines, is_cut: true });
        }
        let number = record.position().map_or(0, |position| numbers.at(position.byte()));
        expect_columns(number, &record)?;
        cells += record.len();
        if cells > MAX_CELLS {
            return Err((
                number,
                format!("up to here the file has {MAX_CELLS} cells, and more it may not have; split it, or leave out columns"),
            ));
        }
        if record.iter().any(|cell| !cell.is_empty()) {
            lines.push(Line { number, cells: record.iter().map(str::to_owned).collect() });
        }
    }
    Ok(Sheet { header, lines, is_cut: false })
}

fn expect_columns(line: u64, record: &csv::StringRecord) -> Result<(), Unread> {
    let columns = record.len();
    let why = || format!("it has {columns} columns, and a file may have {MAX_COLUMNS}; leave out those that are not needed");
    if columns > MAX_COLUMNS { Err((line, why())) } else { Ok(()) }
}

/// Tells line numbers as an editor shows them. The reader's own begin before the ends of lines that it passes over.
struct LineNumbers<'t> {
    text: &'t [u8],
    seen: usize,
    line: u64,
}

impl<'t> LineNumbers<'t> {
    const fn of(text: &'t str) -> Self {
        Self { text: text.as_bytes(), seen: 0, line: 1 }
    }

    /// The line of what begins at or behind this byte; bytes are asked for in rising order.
    fn at(&mut self, byte: u64) -> u64 {
        let from = usize::try_from(byte).unwrap_or(usize::MAX).clamp(self.seen, self.text.len());
        let ends = self.text[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.line += self.text[self.seen..from + ends].iter().filter(|byte| **byte == b'\n').count() as u64;
        self.seen = from + ends;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for evil in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(\"https://x\")"] {
            assert!(harmless(evil).starts_with('\''), "{evil:?}");
        }
        assert_eq!(harmless("https://a.example/?x=1"), "https://a.example/?x=1");
    }

    #[test]
    fn columns_are_told_apart_whatever_separates_them() {
        for text in [
            "row,url\na,https://a.example/?x=1;y=2\n",
            "row;url\na;\"https://a.example/?x=1;y=2\"\n",
            "\u{feff}row\turl\r\na\thttps://a.example/?x=1;y=2",
        ] {
            let Sheet { header, lines, is_cut } = read(text, 10).unwrap();
            assert_eq!(header, ["row", "url"], "{text:?}");
            assert_eq!(lines, [Line { number: 2, cells: vec!["a".to_owned(), "https://a.example/?x=1;y=2".to_owned()] }]);
            assert!(!is_cut);
        }
    }

    #[test]
    fn lines_keep_their_numbers_when_empty_ones_stand_between() {
        let Sheet { lines, is_cut, .. } = read("row\n\na\n\n\"b\nb\"\nc\n", 2).unwrap();
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [3, 5]);
        assert!(is_cut);
    }

    #[test]
    fn more_columns_than_a_table_has_are_refused_in_the_first_line_and_in_any_other() {
        let wide = |cells: usize| vec!["x"; cells].join(",");
        assert_eq!(read(&format!("{}\na\n", wide(MAX_COLUMNS)), 10).unwrap().header.len(), MAX_COLUMNS);
        for (text, line) in [(wide(MAX_COLUMNS + 1), 1), (",".repeat(1_000_000), 1), (format!("row,url\n\na,b\n{}", wide(300)), 4)] {
            let (at, why) = read(&text, 10).err().unwrap();
            assert_eq!(at, line);
            assert!(why.contains("columns, and a file may have 256") && why.len() < 200, "{why}");
        }
    }

    #[test]
    fn more_cells_than_memory_is_spent_on_are_refused() {
        let text = format!("row,url\n{}", format!("{}\n", ",".repeat(249) + "a").repeat(2_001));
        let (at, why) = read(&text, 5_000).err().unwrap();
        assert!(at == 2_002 && why.contains("500000 cells"), "{at}: {why}");
        let (_, why) = read(&format!("{},url\na,b\n", "x".repeat(2_000)), 10).err().unwrap();
        assert!(why.contains("the name of a column"), "{why}");
    }
}
