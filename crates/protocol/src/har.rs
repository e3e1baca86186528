//! Evidence as an HTTP Archive (HAR 1.2): what browsers' developer tools and many other programs open. Made of results
//! alone, so that whoever can read a job can have it. A result names cookies without their values and keeps no bodies; an
//! archive says no more.

use std::io::{self, Write};

use serde::Serialize;
use url::Url;

use crate::clock::UnixMillis;
use crate::result::{Hop, HopKind, JobResult};

/// Writes an archive: a page for each result, an entry for each hop. Entries go out as they come, so that an archive of
/// many links is never held in memory.
#[derive(Debug)]
pub struct HarWriter<W: Write> {
    output: W,
    pages: Vec<Page>,
    has_entries: bool,
}

impl<W: Write> HarWriter<W> {
    /// Begins an archive.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(mut output: W) -> io::Result<Self> {
        output.write_all(b"{\"log\":{\"version\":\"1.2\",\"creator\":")?;
        json(&mut output, &Creator { name: "Link Peeler", version: env!("CARGO_PKG_VERSION") })?;
        output.write_all(b",\"comment\":\"Cookies are named without their values; bodies are not kept.\",\"entries\":[")?;
        Ok(Self { output, pages: Vec::new(), has_entries: false })
    }

    /// Adds the chain of one link.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, tracking_url: &str, result: &JobResult) -> io::Result<()> {
        let id = format!("link_{}", self.pages.len() + 1);
        let began = result.checked_at.0.saturating_sub(i64::try_from(result.duration_ms).unwrap_or(0));
        let mut at = began;
        for hop in &result.hops {
            if std::mem::replace(&mut self.has_entries, true) {
                self.output.write_all(b",\n")?;
            }
            json(&mut self.output, &Entry::of(&id, hop, result, UnixMillis(at)))?;
            at = at.saturating_add(i64::try_from(hop.elapsed_ms).unwrap_or(0));
        }
        self.pages.push(Page {
            started_date_time: UnixMillis(began).to_string(),
            id,
            title: tracking_url.to_owned(),
            page_timings: PageTimings {},
            comment: format!("{}: {}", result.conclusion, result.detail),
        });
        Ok(())
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.output.write_all(b"],\"pages\":")?;
        json(&mut self.output, &self.pages)?;
        self.output.write_all(b"}}\n")?;
        self.output.flush()
    }
}

/// The archive of one result.
#[must_use]
pub fn of_result(tracking_url: &str, result: &JobResult) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = HarWriter::new(&mut bytes).and_then(|mut har| {
        har.add(tracking_url, result)?;
        har.finish()
    });
    // Memory takes whatever is written.
    written.map(|()| bytes).unwrap_or_default()
}

fn json(output: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(output, value).map_err(io::Error::from)
}

/// "Not known", wherever the format wants a number.
const UNKNOWN: i64 = -1;

#[derive(Debug, Serialize)]
struct Creator {
    name: &'static str,
    version: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    started_date_time: String,
    id: String,
    title: String,
    page_timings: PageTimings,
    comment: String,
}

#[derive(Debug, Serialize)]
struct PageTimings {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    pageref: &'a str,
    started_date_time: String,
    time: u64,
    request: Request<'a>,
    response: Response<'a>,
    cache: Cache,
    timings: Timings,
    #[serde(rename = "serverIPAddress", skip_serializing_if = "Option::is_none")]
    server_ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    comment: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    method: &'a str,
    url: &'a str,
    http_version: &'a str,
    cookies: [NameValue; 0],
    headers: Vec<NameValue>,
    query_string: Vec<NameValue>,
    headers_size: i64,
    body_size: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    status: u16,
    status_text: &'static str,
    http_version: &'a str,
    cookies: Vec<NameValue>,
    headers: Vec<NameValue>,
    content: Content,
    #[serde(rename = "redirectURL")]
    redirect_url: &'a str,
    headers_size: i64,
    body_size: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    size: i64,
    mime_type: &'static str,
}

#[derive(Debug, Serialize)]
struct Cache {}

/// A result knows how long a hop took as a whole.
#[derive(Debug, Serialize)]
struct Timings {
    send: u64,
    wait: u64,
    receive: u64,
}

#[derive(Debug, Serialize)]
struct NameValue {
    name: String,
    value: String,
}

impl NameValue {
    fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned() }
    }
}

impl<'a> Entry<'a> {
    fn of(pageref: &'a str, hop: &'a Hop, result: &'a JobResult, started: UnixMillis) -> Self {
        let http_version = hop.http_version.as_deref().unwrap_or_default();
        let location = hop.location.as_deref();
        let (server_ip_address, connection) = match hop.remote_addr.as_deref().and_then(|address| address.rsplit_once(':')) {
            Some((host, port)) => (Some(host.trim_matches(['[', ']']).to_owned()), Some(port.to_owned())),
            None => (None, None),
        };
        let query = Url::parse(&hop.url).ok();
        let query = query.iter().flat_map(Url::query_pairs).map(|(name, value)| NameValue::new(&name, &value));
        let request_headers = [("User-Agent", result.observed.user_agent.as_deref()), ("Referer", hop.referrer.as_deref())];
        let is_redirect = hop.status.is_some_and(|status| (300..400).contains(&status));
        Self {
            pageref,
            started_date_time: started.to_string(),
            time: hop.elapsed_ms,
            request: Request {
                method: &hop.method,
                url: &hop.url,
                http_version,
                cookies: [],
                headers: request_headers.iter().filter_map(|(name, value)| value.map(|value| NameValue::new(name, value))).collect(),
                query_string: query.collect(),
                headers_size: UNKNOWN,
                body_size: UNKNOWN,
            },
            response: Response {
                status: hop.status.unwrap_or(0),
                status_text: "",
                http_version,
                cookies: hop.set_cookies.iter().map(|name| NameValue::new(name, "")).collect(),
                headers: location.filter(|_| is_redirect).map(|location| NameValue::new("Location", location)).into_iter().collect(),
                content: Content { size: 0, mime_type: "x-unknown" },
                redirect_url: location.unwrap_or_default(),
                headers_size: UNKNOWN,
                body_size: UNKNOWN,
            },
            cache: Cache {},
            timings: Timings { send: 0, wait: hop.elapsed_ms, receive: 0 },
            server_ip_address,
            connection,
            comment: comment(hop),
        }
    }
}

/// What the format has no member for: what led here, TLS, and whether the guard made an exception.
fn comment(hop: &Hop) -> String {
    let by = match hop.kind {
        HopKind::Start => "the tracking URL",
        HopKind::Http => "by redirect",
        HopKind::RefreshHeader => "by Refresh header",
        HopKind::MetaRefresh => "by meta refresh",
        HopKind::Javascript => "by script",
        HopKind::Form => "by form",
    };
    let exception = hop.guard_exception.then_some("dialled by exception");
    [Some(by), hop.tls_version.as_deref(), exception].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::conclusion::Conclusion;

    fn result() -> JobResult {
        let hop = |index, url: &str, status| Hop {
            index,
            url: url.to_owned(),
            method: "GET".to_owned(),
            status,
            elapsed_ms: 40,
            remote_addr: Some("[2001:db8::1]:443".to_owned()),
            http_version: Some("HTTP/2".to_owned()),
            ..Hop::default()
        };
        let first = Hop {
            location: Some("/b?x=1&y=%20".to_owned()),
            set_cookies: vec!["sid".to_owned()],
            ..hop(0, "https://trk.example/a", Some(302))
        };
        let second =
            Hop { kind: HopKind::Http, referrer: Some("https://r.example/".to_owned()), ..hop(1, "https://trk.example/b?x=1&y=%20", None) };
        JobResult {
            conclusion: Conclusion::ConnectFailed,
            hops: vec![first, second],
            duration_ms: 100,
            ..JobResult::not_executed("reset", UnixMillis(1_000_100))
        }
    }

    #[test]
    fn an_archive_has_a_page_a_link_and_an_entry_a_hop() {
        let mut bytes = Vec::new();
        let mut har = HarWriter::new(&mut bytes).unwrap();
        har.add("https://trk.example/a", &result()).unwrap();
        har.add("https://trk.example/none", &JobResult::not_executed("x", UnixMillis(0))).unwrap();
        har.finish().unwrap();
        let log = &serde_json::from_slice::<Value>(&bytes).unwrap()["log"];
        assert_eq!((log["version"].as_str(), log["pages"].as_array().unwrap().len()), (Some("1.2"), 2));
        let entries = log["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0]["pageref"], log["pages"][0]["id"]);
        assert_eq!(entries[0]["response"]["redirectURL"], "/b?x=1&y=%20");
        assert_eq!(entries[0]["response"]["cookies"][0]["name"], "sid");
        assert_eq!(entries[0]["serverIPAddress"], "2001:db8::1");
        assert_eq!(entries[0]["startedDateTime"], "1970-01-01T00:16:40.000Z");
        assert_eq!(entries[1]["startedDateTime"], "1970-01-01T00:16:40.040Z");
        assert_eq!(entries[1]["request"]["queryString"][1]["value"], " ");
        assert_eq!(entries[1]["request"]["headers"][0]["name"], "Referer");
        assert_eq!((entries[1]["response"]["status"].as_u64(), entries[1]["comment"].as_str()), (Some(0), Some("by redirect")));
        assert_eq!(log["pages"][0]["comment"], "connect_failed: reset");
    }

    #[test]
    fn every_entry_has_what_the_format_requires() {
        let log: Value = serde_json::from_slice(&of_result("https://trk.example/a", &result())).unwrap();
        for entry in log["log"]["entries"].as_array().unwrap() {
            for (of, members) in [
                (entry, &["startedDateTime", "time", "request", "response", "cache", "timings"][..]),
                (&entry["request"], &["method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"]),
                (
                    &entry["response"],
                    &["status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL", "headersSize", "bodySize"],
                ),
                (&entry["timings"], &["send", "wait", "receive"]),
            ] {
                members.iter().for_each(|member| assert!(of.get(member).is_some(), "{member}"));
            }
        }
    }
}
