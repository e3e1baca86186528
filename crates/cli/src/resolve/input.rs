//! Links from arguments, lines or a CSV file, one at a time: a file of millions is never held in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context as _;
use csv::StringRecord;
use protocol::fetch_request::{DOMAIN_RULE, canonical_domain};
use protocol::{RequiredParameter, RowExpectation};
use tokio::sync::mpsc;

use crate::exit::Failure;

/// Links that are read ahead of those being resolved.
const READ_AHEAD: usize = 256;

/// One link to resolve.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Link {
    /// As it was written.
    pub(crate) url: String,
    /// From its own column, in its canonical form; the flag's value where there is none.
    pub(crate) expected_domain: Option<String>,
    /// From its own columns; the flags' values where there are none.
    pub(crate) expectation: RowExpectation,
    /// The CSV row it came from.
    pub(crate) record: Option<StringRecord>,
}

/// Where links come from.
pub(crate) enum Source {
    Arguments(Vec<String>),
    Lines(Box<dyn BufRead + Send>, Name),
    Sheet { reader: csv::Reader<Box<dyn Read + Send>>, header: StringRecord, places: Places, name: Name },
}

/// What a source is called where something is wrong with it.
#[derive(Clone, Debug)]
pub(crate) struct Name(String);

impl Name {
    fn of(path: &Path) -> Self {
        Self(if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() })
    }

    /// Text that is none is for its author to mend, and trying again is of no use.
    fn unreadable(&self, is_no_text: bool, place: &str, error: impl Into<anyhow::Error>) -> Failure {
        if is_no_text {
            Failure::usage(format!("{}{place} is not in UTF-8", self.0))
        } else {
            error.into().context(format!("cannot read {}", self.0)).into()
        }
    }
}

/// The columns that somebody named; the others are found by their usual names.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NamedColumns<'a> {
    pub(crate) url: Option<&'a str>,
    pub(crate) domain: Option<&'a str>,
    pub(crate) parameters: Option<&'a str>,
    pub(crate) accepted: Option<&'a str>,
}

/// Where the columns that matter stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    url: usize,
    domain: Option<usize>,
    parameters: Option<usize>,
    accepted: Option<usize>,
}

/// Column names that are recognised when none is named.
const URL_COLUMNS: [&str; 4] = ["trackingUrl", "tracking_url", "url", "link"];
const DOMAIN_COLUMNS: [&str; 2] = ["expectedDomain", "expected_domain"];
const PARAMETERS_COLUMNS: [&str; 2] = ["requiredParameters", "required_parameters"];
const ACCEPTED_COLUMNS: [&str; 2] = ["acceptedUrl", "accepted_url"];

impl Source {
    /// Lines of the file, or of standard input for `-`.
    pub(crate) fn lines(path: &Path) -> Result<Self, Failure> {
        Ok(Self::Lines(Box::new(BufReader::new(open(path)?)), Name::of(path)))
    }

    /// A CSV file with a header, or standard input for `-`.
    pub(crate) fn sheet(path: &Path, columns: NamedColumns<'_>) -> Result<Self, Failure> {
        Self::read_sheet(open(path)?, Name::of(path), columns)
    }

    fn read_sheet(input: Box<dyn Read + Send>, name: Name, columns: NamedColumns<'_>) -> Result<Self, Failure> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
        let header = reader.headers().cloned();
        let header = header.map_err(|error| name.unreadable(is_no_text(&error), ": its header", error))?;
        let places = Places {
            url: column(&header, "--url-column", columns.url, &URL_COLUMNS)?.ok_or_else(|| no_url_column(&name, &header))?,
            domain: column(&header, "--domain-column", columns.domain, &DOMAIN_COLUMNS)?,
            parameters: column(&header, "--params-column", columns.parameters, &PARAMETERS_COLUMNS)?,
            accepted: column(&header, "--accepted-column", columns.accepted, &ACCEPTED_COLUMNS)?,
        };
        Ok(Self::Sheet { reader, header, places, name })
    }

    /// The header of a CSV file.
    pub(crate) fn header(&self) -> Option<&StringRecord> {
        match self {
            Self::Sheet { header, .. } => Some(header),
            Self::Arguments(_) | Self::Lines(..) => None,
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
            Self::Lines(reader, name) => Box::new((1..).zip(reader.lines()).filter_map(move |(number, line)| match line {
                Ok(line) => {
                    let url = line.trim().trim_start_matches('\u{feff}');
                    (!url.is_empty() && !url.starts_with('#')).then(|| Ok(Link { url: url.to_owned(), ..Link::default() }))
                }
                Err(error) => Some(Err(name.unreadable(error.kind() == io::ErrorKind::InvalidData, &format!(": line {number}"), error))),
            })),
            Self::Sheet { reader, places, name, .. } => Box::new((2..).zip(reader.into_records()).map(move |(number, record)| {
                let record = record.map_err(|error| name.unreadable(is_no_text(&error), &format!(": row {number}"), error))?;
                places.link(record).map_err(|fault: String| Failure::usage(format!("row {number} of {}: {fault}", name.0)))
            })),
        }
    }
}

impl Places {
    /// The link of a row.
    fn link(&self, record: StringRecord) -> Result<Link, String> {
        let cell = |at: usize| record.get(at).map(str::trim).filter(|text| !text.is_empty());
        let parameters = self.parameters.and_then(cell).unwrap_or_default();
        let expectation = RowExpectation {
            required_parameters: required_parameters(parameters),
            accepted_url: self.accepted.and_then(cell).map(str::to_owned),
        };
        expectation.check().map_err(|fault| format!("{} {}", fault.pointer.trim_start_matches('/'), fault.detail))?;
        let domain = self.domain.and_then(cell);
        let expected_domain =
            domain.map(|text| canonical_domain(text).ok_or_else(|| format!("expectedDomain {DOMAIN_RULE}"))).transpose()?;
        let url = cell(self.url).unwrap_or_default().to_owned();
        Ok(Link { url, expected_domain, expectation, record: Some(record) })
    }
}

/// Parameters as a cell has them: `clickid&sub=north`, written as in a query.
fn required_parameters(text: &str) -> Vec<RequiredParameter> {
    let decoded = |text: &str| url::form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default();
    (text.split('&').filter(|part| !part.is_empty()))
        .map(|part| match part.split_once('=') {
            // A value may have an equals sign of its own.
            Some((name, value)) => {
                let value = url::form_urlencoded::parse(format!("v={value}").as_bytes()).next().map(|(_, value)| value.into_owned());
                RequiredParameter { name: decoded(name), value }
            }
            None => RequiredParameter { name: decoded(part), value: None },
        })
        .collect()
}

fn is_no_text(error: &csv::Error) -> bool {
    matches!(error.kind(), csv::ErrorKind::Utf8 { .. })
}

fn no_url_column(name: &Name, header: &StringRecord) -> Failure {
    let names = header.iter().collect::<Vec<_>>().join(", ");
    let separator = if header.len() == 1 && header[0].contains([';', '\t']) { " Columns are separated by commas." } else { "" };
    let usual = URL_COLUMNS.join(", ");
    Failure::usage(format!("{} has no column {usual}, only {names}: name the one with the links by --url-column.{separator}", name.0))
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
        let links = read(Source::Lines(Box::new(text.as_bytes()), Name("links.txt".to_owned())));
        assert_eq!(links, [("https://a.example/".to_owned(), None), ("https://b.example/#x".to_owned(), None)]);
    }

    fn sheet(text: &'static str, url_column: Option<&str>) -> Result<Source, Failure> {
        let name = Name("links.csv".to_owned());
        Source::read_sheet(Box::new(text.as_bytes()), name, NamedColumns { url: url_column, ..NamedColumns::default() })
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
    fn what_a_row_asks_for_has_columns_of_its_own() {
        let text =
            "url,requiredParameters,accepted_url\nhttps://a.example/,clickid&sub=a%20b=c&e=,https://shop.example/x\nhttps://b.example/,,\n";
        let links: Vec<Link> = sheet(text, None).unwrap().links().map(|link| link.unwrap()).collect();
        let required = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        assert_eq!(links[0].expectation.required_parameters, required(&["clickid", "sub=a b=c", "e="]));
        assert_eq!(links[0].expectation.accepted_url.as_deref(), Some("https://shop.example/x"));
        assert!(links[1].expectation.is_empty());
        let wrong = "url,acceptedUrl\nhttps://a.example/,https://shop.example/\nhttps://b.example/,shop.example\n";
        let fault = sheet(wrong, None).unwrap().links().find_map(Result::err).unwrap().to_string();
        assert!(fault.contains("row 3") && fault.contains("acceptedUrl must be an absolute"), "{fault}");
    }

    #[test]
    fn a_missing_column_is_a_usage_error_that_names_what_there_is() {
        let error = sheet("a,b\n1,2\n", Some("c")).err().unwrap().to_string();
        assert!(error.contains("only a, b"), "{error}");
        let error = sheet("Offer;url\n1;2\n", None).err().unwrap();
        let says = error.to_string();
        assert!(matches!(error, Failure::Usage(_)) && says.contains("links.csv") && says.contains("only Offer;url"), "{says}");
        assert!(says.contains("commas"), "{says}");
    }

    #[test]
    fn what_is_no_text_is_named_with_its_place() {
        let bytes = Box::new(&b"https://a.example/\n\nhttps://\xff/\n"[..]);
        let lines = Source::Lines(bytes, Name("links.txt".to_owned()));
        let fault = lines.links().find_map(Result::err).unwrap();
        assert!(matches!(&fault, Failure::Usage(text) if text == "links.txt: line 3 is not in UTF-8"), "{fault}");
        let bytes = Box::new(&b"url\nhttps://a.example/\nhttps://\xff/\n"[..]);
        let rows = Source::read_sheet(bytes, Name("links.csv".to_owned()), NamedColumns::default()).unwrap();
        let fault = rows.links().find_map(Result::err).unwrap();
        assert!(matches!(&fault, Failure::Usage(text) if text == "links.csv: row 3 is not in UTF-8"), "{fault}");
    }

    #[test]
    fn an_expected_domain_is_one_or_its_row_is_named() {
        let links = read(sheet("url,expectedDomain\nhttps://a.example/,B\u{fc}cher.example\n", None).unwrap());
        assert_eq!(links[0].1.as_deref(), Some("xn--bcher-kva.example"));
        let wrong = sheet("url,expectedDomain\nhttps://a.example/,http://shop.example\n", None).unwrap();
        let fault = wrong.links().find_map(Result::err).unwrap();
        assert!(
            matches!(&fault, Failure::Usage(text) if text.contains("row 2") && text.contains("expectedDomain must be a domain")),
            "{fault}"
        );
    }
}
