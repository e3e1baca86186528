//! Links from arguments, lines or a CSV file, one at a time: a file of millions is never held in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context as _;
use csv::StringRecord;
use tokio::sync::mpsc;

use crate::exit::Failure;

/// Links that are read ahead of those being resolved.
const READ_AHEAD: usize = 256;

/// One link to resolve.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Link {
    /// As it was written.
    pub(crate) url: String,
    /// From its own column; the flag's value where there is none.
    pub(crate) expected_domain: Option<String>,
    /// The CSV row it came from.
    pub(crate) record: Option<StringRecord>,
}

/// Where links come from.
pub(crate) enum Source {
    Arguments(Vec<String>),
    Lines(Box<dyn BufRead + Send>),
    Sheet { reader: csv::Reader<Box<dyn Read + Send>>, header: StringRecord, url_at: usize, domain_at: Option<usize> },
}

/// Column names that are recognised when none is named.
const URL_COLUMNS: [&str; 4] = ["trackingUrl", "tracking_url", "url", "link"];
const DOMAIN_COLUMNS: [&str; 2] = ["expectedDomain", "expected_domain"];

impl Source {
    /// Lines of the file, or of standard input for `-`.
    pub(crate) fn lines(path: &Path) -> Result<Self, Failure> {
        Ok(Self::Lines(Box::new(BufReader::new(open(path)?))))
    }

    /// A CSV file with a header, or standard input for `-`.
    pub(crate) fn sheet(path: &Path, url_column: Option<&str>, domain_column: Option<&str>) -> Result<Self, Failure> {
        Self::read_sheet(open(path)?, url_column, domain_column)
    }

    fn read_sheet(input: Box<dyn Read + Send>, url_column: Option<&str>, domain_column: Option<&str>) -> Result<Self, Failure> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
        let header = reader.headers().context("the CSV header cannot be read")?.clone();
        let url_at = column(&header, "--url-column", url_column, &URL_COLUMNS)?
            .ok_or_else(|| Failure::usage(format!("no column {}: name it with --url-column", URL_COLUMNS.join(", "))))?;
        let domain_at = column(&header, "--domain-column", domain_column, &DOMAIN_COLUMNS)?;
        Ok(Self::Sheet { reader, header, url_at, domain_at })
    }

    /// The header of a CSV file.
    pub(crate) fn header(&self) -> Option<&StringRecord> {
        match self {
            Self::Sheet { header, .. } => Some(header),
            Self::Arguments(_) | Self::Lines(_) => None,
        }
    }

    /// Reads on a thread of its own, since a pipe may be slow; ends early when nobody takes links any more.
    pub(crate) fn read(self) -> mpsc::Receiver<Result<Link, Failure>> {
        let (links, receiver) = mpsc::channel(READ_AHEAD);
        std::thread::spawn(move || {
            for link in self.links() {
                let failed = link.is_err();
                if links.blocking_send(link).is_err() || failed {
                    return;
                }
            }
        });
        receiver
    }

    fn links(self) -> Box<dyn Iterator<Item = Result<Link, Failure>>> {
        match self {
            Self::Arguments(urls) => Box::new(urls.into_iter().map(|url| Ok(Link { url, ..Link::default() }))),
            Self::Lines(reader) => Box::new(reader.lines().filter_map(|line| match line {
                Ok(line) => {
                    let url = line.trim().trim_start_matches('\u{feff}');
                    (!url.is_empty() && !url.starts_with('#')).then(|| Ok(Link { url: url.to_owned(), ..Link::default() }))
                }
                Err(error) => Some(Err(anyhow::Error::new(error).context("the list of links cannot be read").into())),
            })),
            Self::Sheet { reader, url_at, domain_at, .. } => Box::new(reader.into_records().map(move |record| {
                let record = record.context("the CSV file cannot be read")?;
                let cell = |at: usize| record.get(at).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
                Ok(Link { url: cell(url_at).unwrap_or_default(), expected_domain: domain_at.and_then(cell), record: Some(record) })
            })),
        }
    }
}

fn open(path: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    Ok(Box::new(File::open(path).with_context(|| format!("cannot open {}", path.display()))?))
}

/// The column that was named, or the first of the usual ones. Names are compared without regard to case.
fn column(header: &StringRecord, flag: &str, named: Option<&str>, usual: &[&str]) -> Result<Option<usize>, Failure> {
    let find = |name: &str| header.iter().position(|cell| cell.trim().trim_start_matches('\u{feff}').eq_ignore_ascii_case(name));
    match named {
        Some(name) => match find(name) {
            Some(at) => Ok(Some(at)),
            None => {
                let names = header.iter().collect::<Vec<_>>().join(", ");
                Err(Failure::usage(format!("{flag} {name}: the file has no such column, only {names}")))
            }
        },
        None => Ok(usual.iter().find_map(|name| find(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: Source) -> Vec<(String, Option<String>)> {
        source.links().map(|link| link.unwrap()).map(|link| (link.url, link.expected_domain)).collect()
    }

    #[test]
    fn lines_skip_blanks_and_comments() {
        let text = "\u{feff}https://a.example/\r\n\n# a comment\n  https://b.example/#x  \n";
        let links = read(Source::Lines(Box::new(text.as_bytes())));
        assert_eq!(links, [("https://a.example/".to_owned(), None), ("https://b.example/#x".to_owned(), None)]);
    }

    fn sheet(text: &'static str, url_column: Option<&str>) -> Result<Source, Failure> {
        Source::read_sheet(Box::new(text.as_bytes()), url_column, None)
    }

    #[test]
    fn columns_are_found_by_name_wherever_they_are() {
        let links =
            read(sheet("Offer,expectedDomain,TrackingURL\nA,shop.example,https://a.example/\nB,,https://b.example/\n", None).unwrap());
        assert_eq!(links, [("https://a.example/".to_owned(), Some("shop.example".to_owned())), ("https://b.example/".to_owned(), None)]);
        let links = read(sheet("target,x\nhttps://a.example/,1\n", Some("target")).unwrap());
        assert_eq!(links, [("https://a.example/".to_owned(), None)]);
    }

    #[test]
    fn a_missing_column_is_a_usage_error_that_names_what_there_is() {
        let error = sheet("a,b\n1,2\n", Some("c")).err().unwrap().to_string();
        assert!(error.contains("only a, b"), "{error}");
        assert!(matches!(sheet("a,b\n1,2\n", None), Err(Failure::Usage(_))));
    }
}
