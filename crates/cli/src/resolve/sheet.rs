//! Results as CSV: the columns that came in, then ours, then cells that no header names. A column of ours that came in
//! already is filled anew, so that a file may go round: it is replaced when the last row is written.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use csv::StringRecord;
use protocol::JobResult;

use super::input::Link;
use super::replacement::Replacement;
use crate::exit::Failure;

/// Our columns, in their order.
const COLUMNS: [&str; 9] = ["conclusion", "class", "finalUrl", "httpStatus", "hops", "engine", "durationMs", "checkedAt", "detail"];

pub(crate) struct SheetWriter<W: Write> {
    writer: csv::Writer<W>,
    /// Where each of our columns stands.
    places: [usize; COLUMNS.len()],
    /// Columns that came in, and with ours.
    came_in: usize,
    width: usize,
}

/// A writer to the file, or to standard output for `-`.
pub(crate) fn create(path: &Path, header: Option<&StringRecord>) -> Result<SheetWriter<Replacement>, Failure> {
    SheetWriter::new(Replacement::begin(path)?, header)
}

impl SheetWriter<Replacement> {
    /// Puts a whole sheet in its place. Where one went that is not whole, while the file that was there is as it was.
    pub(crate) fn finish(self, is_whole: bool) -> Result<Option<PathBuf>, Failure> {
        let file = self.writer.into_inner().map_err(|error| Failure::from(error.into_error()))?;
        file.finish(is_whole)
    }
}

impl<W: Write> SheetWriter<W> {
    fn new(output: W, header: Option<&StringRecord>) -> Result<Self, Failure> {
        let mut names: Vec<String> = match header {
            Some(header) => header.iter().map(str::to_owned).collect(),
            None => vec!["trackingUrl".to_owned()],
        };
        let came_in = names.len();
        let places = COLUMNS.map(|column| {
            names.iter().position(|name| name.trim() == column).unwrap_or_else(|| {
                names.push(column.to_owned());
                names.len() - 1
            })
        });
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(output);
        writer.write_record(&names).map_err(io::Error::from)?;
        Ok(Self { writer, places, came_in, width: names.len() })
    }

    /// Writes one row.
    pub(crate) fn write(&mut self, link: &Link, result: &JobResult) -> Result<(), Failure> {
        let mut cells: Vec<String> = match &link.record {
            Some(record) => record.iter().map(str::to_owned).collect(),
            None => vec![link.url.clone()],
        };
        let unnamed = cells.split_off(cells.len().min(self.came_in));
        cells.resize(self.width, String::new());
        for (place, value) in self.places.iter().zip(values(result)) {
            cells[*place] = value;
        }
        cells.extend(unnamed);
        self.writer.write_record(&cells).map_err(io::Error::from)?;
        // A person may watch the file grow, or stop the command half way.
        self.writer.flush()?;
        Ok(())
    }
}

fn values(result: &JobResult) -> [String; COLUMNS.len()] {
    let engine = result.engine.map(|engine| match engine {
        protocol::result::Engine::Http => "http",
        protocol::result::Engine::Browser => "browser",
    });
    [
        result.conclusion.code().to_owned(),
        result.conclusion.class().to_string(),
        result.final_url.clone().unwrap_or_default(),
        result.http_status.map(|status| status.to_string()).unwrap_or_default(),
        result.hops.len().to_string(),
        engine.unwrap_or_default().to_owned(),
        result.duration_ms.to_string(),
        result.checked_at.to_string(),
        result.detail.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use protocol::{Conclusion, UnixMillis};

    use super::*;

    fn written(header: Option<&[&str]>, row: Option<&[&str]>) -> String {
        let mut bytes = Vec::new();
        let header = header.map(|cells| StringRecord::from(cells.to_vec()));
        let link =
            Link { url: "https://a.example/".to_owned(), record: row.map(|cells| StringRecord::from(cells.to_vec())), ..Link::default() };
        let result = JobResult {
            conclusion: Conclusion::HttpGone,
            http_status: Some(404),
            ..JobResult::not_executed("gone, for good", UnixMillis(0))
        };
        let mut sheet = SheetWriter::new(&mut bytes, header.as_ref()).unwrap();
        sheet.write(&link, &result).unwrap();
        drop(sheet);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn our_columns_follow_those_that_came_in() {
        assert_eq!(
            written(Some(&["offer", "url"]), Some(&["A", "https://a.example/"])),
            "offer,url,conclusion,class,finalUrl,httpStatus,hops,engine,durationMs,checkedAt,detail\n\
             A,https://a.example/,http_gone,bad,,404,0,,0,1970-01-01T00:00:00.000Z,\"gone, for good\"\n"
        );
    }

    #[test]
    fn cells_that_no_header_names_are_kept_behind_ours() {
        let text = written(Some(&["url"]), Some(&["https://a.example/", "a note", "another"]));
        assert!(text.ends_with(",\"gone, for good\",a note,another\n"), "{text}");
    }

    #[test]
    fn a_column_of_ours_that_came_in_is_filled_anew() {
        let text = written(Some(&["url", "conclusion"]), Some(&["https://a.example/", "valid"]));
        assert!(text.starts_with("url,conclusion,class,"), "{text}");
        assert!(text.contains("\nhttps://a.example/,http_gone,bad,"), "{text}");
    }

    #[test]
    fn links_that_came_from_no_file_have_a_column_of_their_own() {
        assert!(written(None, None).starts_with("trackingUrl,conclusion,"));
    }
}
