//! What is seen of a page: its refreshes, its title and text, and whether its scripts may move it.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use encoding_rs::{Encoding, UTF_8};
use html5ever::ParseOpts;
use html5ever::tendril::StrTendril;
use html5ever::tree_builder::TreeBuilderOpts;
use url::Url;
use xml5ever::driver::XmlParseOpts;

use super::dom::{Document, Found, Sink};
use super::{charset, scan, script};
use crate::chain::MAX_PAGE_TEXT;
use crate::content::Kind;
use crate::location::{escape_path, two_slashes};
use crate::referrer::Policy;
use crate::refresh;

/// How long one page may be parsed: an ordinary one of 2 MiB takes a fortieth of it. Deep nesting is quadratic.
const PARSE_BUDGET: Duration = Duration::from_secs(2);
/// Bytes between two looks at that budget.
const PARSE_STEP: usize = 4 * 1_024;
/// Refreshes of one page; the smallest delay wins, so that more of them change nothing worth knowing.
const MAX_REFRESHES: usize = 256;
/// A page that shows less than this and loads scripts is made by them.
const THIN_PAGE_CHARS: usize = 200;

/// How to read a page.
pub(crate) struct Reader<'a> {
    pub(crate) url: &'a Url,
    pub(crate) kind: Kind,
    pub(crate) charset: Option<&'a str>,
    /// `sandbox` without `allow-scripts`: no scripts and no meta refresh.
    pub(crate) is_sandboxed: bool,
    /// Whether the connection broke off within the body: Chromium shows what came, and runs no refresh.
    pub(crate) is_cut: bool,
}

/// What is seen of a page.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) title: Option<String>,
    pub(crate) text: String,
    pub(crate) markup: String,
    pub(crate) refreshes: Vec<SeenRefresh>,
    pub(crate) referrer_policy: Option<Policy>,
    pub(crate) look: Look,
    /// Whether there is nothing for a person: no text, no title, no picture, nothing to click.
    pub(crate) is_blank: bool,
}

/// A refresh that a meta asks for.
#[derive(Debug)]
pub(crate) struct SeenRefresh {
    /// Seconds.
    pub(crate) delay: f64,
    /// The target as written; empty when the page reloads itself.
    pub(crate) written: String,
    /// The target as the page's base and encoding make it.
    pub(crate) target: Result<Url, url::ParseError>,
}

/// What scripts may do.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// Why a script may navigate.
    pub(crate) may_navigate: Option<&'static str>,
    /// Whether a script may stop a refresh.
    pub(crate) may_stop: bool,
    /// Whether the page shows next to nothing and loads scripts that may show, or do, anything.
    pub(crate) is_made_by_scripts: bool,
}

impl Reader<'_> {
    /// Reads a page. Takes processor time, at most [`PARSE_BUDGET`].
    pub(crate) fn read(&self, body: &[u8]) -> Seen {
        let is_xml = self.kind == Kind::Xml;
        let (encoding, mark) = charset::encoding(body, self.charset, is_xml);
        let (markup, _) = encoding.decode_without_bom_handling(&body[mark..]);
        let head = markup[..markup.floor_char_boundary(MAX_PAGE_TEXT)].to_owned();
        if self.kind == Kind::Text {
            let is_blank = shows_nothing(None, &head, "");
            return Seen { text: head.clone(), markup: head, is_blank, ..Seen::default() };
        }
        if !is_xml
            && !scan::may_act(&markup)
            && let Some((title, text)) = scan::read(&markup, MAX_PAGE_TEXT)
        {
            let is_blank = shows_nothing(title.as_deref(), &text, &markup);
            return Seen { title, text, markup: head, is_blank, ..Seen::default() };
        }
        let document = parse(&markup, is_xml, !self.is_sandboxed);
        let title = document.found.iter().find(|found| found.name == "title").map(|found| collapsed(&found.text));
        let mut seen = Seen { title: title.filter(|title| !title.is_empty()), markup: head, ..Seen::default() };
        seen.is_blank = shows_nothing(seen.title.as_deref(), &document.text, &markup);
        self.gather(&document, encoding, &mut seen);
        seen.text = document.text;
        seen
    }

    fn gather(&self, document: &Document, encoding: &'static Encoding, seen: &mut Seen) {
        let mut base: Option<Url> = None;
        let (mut loads_scripts, mut has_scripts) = (false, false);
        for found in &document.found {
            match found.name {
                "base" if base.is_none() => base = found.attribute("href").and_then(|href| self.base(href)),
                "meta" if !self.is_sandboxed && !self.is_cut => self.gather_refresh(found, base.as_ref(), encoding, seen),
                "script" if !self.is_sandboxed && is_executable(found) => {
                    has_scripts = true;
                    match found.attribute("src") {
                        Some(_) => loads_scripts = true,
                        None => {
                            seen.look.take(&found.text);
                            loads_scripts |= script::loads_scripts(&found.text);
                        }
                    }
                }
                "frame" => {
                    let code = found.attribute("src").and_then(javascript_url).filter(|_| !self.is_sandboxed);
                    // A frame's own document may reach for the page around it.
                    let inner = found.attribute("srcdoc").filter(|inner| !self.is_sandboxed && inner.contains("<script"));
                    code.iter().map(String::as_str).chain(inner).for_each(|code| seen.look.take(code));
                }
                _ => (),
            }
            if found.name == "meta" && found.attribute("name").is_some_and(|name| name.eq_ignore_ascii_case("referrer")) {
                seen.referrer_policy = found.attribute("content").and_then(Policy::of_meta).or(seen.referrer_policy);
            }
            if !self.is_sandboxed {
                found.attributes.iter().filter(|(name, _)| runs_by_itself(name)).for_each(|(_, code)| seen.look.take(code));
            }
        }
        let shown = document.text.chars().filter(|character| !character.is_whitespace()).take(THIN_PAGE_CHARS).count();
        seen.look.is_made_by_scripts = loads_scripts && shown < THIN_PAGE_CHARS || has_scripts && seen.is_blank;
    }

    fn gather_refresh(&self, found: &Found, base: Option<&Url>, encoding: &'static Encoding, seen: &mut Seen) {
        if !found.attribute("http-equiv").is_some_and(|value| value.eq_ignore_ascii_case("refresh"))
            || seen.refreshes.len() >= MAX_REFRESHES
        {
            return;
        }
        let Some(refresh) = found.attribute("content").and_then(refresh::parse) else { return };
        let written = refresh.target.unwrap_or_default().to_owned();
        let target = match refresh.target {
            None => Ok(self.url.clone()),
            Some(text) => resolve(base.unwrap_or(self.url), text, encoding),
        };
        // A script URL is ignored: the next refresh of the page counts.
        if target.as_ref().is_ok_and(|url| url.scheme() == "javascript") {
            return;
        }
        seen.refreshes.push(SeenRefresh { delay: refresh.delay, written, target });
    }

    /// A page cannot make `data:` or `javascript:` its base (HTML standard, "set the frozen base URL").
    fn base(&self, href: &str) -> Option<Url> {
        self.url.join(href).ok().filter(|base| !matches!(base.scheme(), "data" | "javascript"))
    }
}

impl Look {
    fn take(&mut self, code: &str) {
        self.may_navigate = self.may_navigate.or_else(|| script::may_navigate(code));
        self.may_stop |= script::may_stop(code);
    }
}

/// Whether a person would see nothing. What shows without text is looked for in the source: a tag too many in it only
/// makes a blank page pass for one that is not.
fn shows_nothing(title: Option<&str>, text: &str, markup: &str) -> bool {
    const SHOWS: &[&str] = &[
        "<img",
        "<svg",
        "<video",
        "<canvas",
        "<picture",
        "<object",
        "<embed",
        "<iframe",
        "<frame",
        "<input",
        "<button",
        "<select",
        "<image",
        "background",
    ];
    title.is_none()
        && !text.chars().any(|character| !character.is_whitespace() && !character.is_control() && character != char::REPLACEMENT_CHARACTER)
        && {
            let lower = markup.to_ascii_lowercase();
            !SHOWS.iter().any(|tag| lower.contains(tag))
        }
}

/// Resolves a target as a page of that encoding does: its query is encoded by it.
fn resolve(base: &Url, text: &str, encoding: &'static Encoding) -> Result<Url, url::ParseError> {
    let encode: &dyn Fn(&str) -> Cow<'_, [u8]> = &|text| encoding.encode(text).0;
    let text = &two_slashes(base, text);
    let options = Url::options().base_url(Some(base));
    let is_utf8 = encoding.output_encoding() == UTF_8;
    let url = if is_utf8 { options.parse(text)? } else { options.encoding_override(Some(encode)).parse(text)? };
    Ok(escape_path(url))
}

fn parse(markup: &str, is_xml: bool, scripting_enabled: bool) -> Document {
    let sink = Sink::new(MAX_PAGE_TEXT);
    let deadline = Instant::now() + PARSE_BUDGET;
    if is_xml {
        let parser = xml5ever::driver::parse_document(sink, XmlParseOpts::default());
        return feed(parser, markup, deadline);
    }
    let tree_builder = TreeBuilderOpts { scripting_enabled, ..TreeBuilderOpts::default() };
    feed(html5ever::parse_document(sink, ParseOpts { tree_builder, ..ParseOpts::default() }), markup, deadline)
}

fn feed<P>(mut parser: P, markup: &str, deadline: Instant) -> Document
where
    P: html5ever::tendril::TendrilSink<html5ever::tendril::fmt::UTF8, Output = Document>,
{
    let mut rest = markup;
    while !rest.is_empty() && Instant::now() < deadline {
        let (step, after) = rest.split_at(rest.ceil_char_boundary(PARSE_STEP));
        parser.process(StrTendril::from(step));
        rest = after;
    }
    parser.finish()
}

/// Whether a browser runs a script element (HTML standard, "prepare the script element").
fn is_executable(found: &Found) -> bool {
    const JAVASCRIPT: &[&str] = &[
        "",
        "module",
        "application/ecmascript",
        "application/javascript",
        "application/x-ecmascript",
        "application/x-javascript",
        "text/ecmascript",
        "text/javascript",
        "text/javascript1.0",
        "text/javascript1.1",
        "text/javascript1.2",
        "text/javascript1.3",
        "text/javascript1.4",
        "text/javascript1.5",
        "text/jscript",
        "text/livescript",
        "text/x-ecmascript",
        "text/x-javascript",
    ];
    let kind = match (found.attribute("type"), found.attribute("language")) {
        (Some(kind), _) => kind.trim().to_ascii_lowercase(),
        (None, Some(language)) if !language.is_empty() => format!("text/{}", language.to_ascii_lowercase()),
        (None, _) => String::new(),
    };
    JAVASCRIPT.contains(&kind.as_str()) && found.attribute("nomodule").is_none()
}

/// Whether a handler runs without a person: what waits for a click or a key is no redirect.
fn runs_by_itself(name: &str) -> bool {
    const BY_PEOPLE: &[&str] = &[
        "onclick",
        "ondblclick",
        "onauxclick",
        "oncontextmenu",
        "onsubmit",
        "onreset",
        "onchange",
        "oninput",
        "onselect",
        "oncopy",
        "oncut",
        "onpaste",
        "onwheel",
        "onscroll",
        "onbeforeunload",
        "onunload",
    ];
    const BY_PEOPLE_START: &[&str] = &["onmouse", "onkey", "ontouch", "onpointer", "ondrag", "ondrop"];
    name.starts_with("on") && !BY_PEOPLE.contains(&name) && !BY_PEOPLE_START.iter().any(|start| name.starts_with(start))
}

fn javascript_url(text: &str) -> Option<String> {
    let text = text.trim_start();
    let is_script = text.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("javascript:"));
    is_script.then(|| percent_encoding::percent_decode_str(&text[11..]).decode_utf8_lossy().into_owned())
}

fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(body: &str) -> Seen {
        let url = Url::parse("http://a.test/p/s?i").unwrap();
        Reader { url: &url, kind: Kind::Html, charset: Some("utf-8"), is_sandboxed: false, is_cut: false }.read(body.as_bytes())
    }

    fn targets(body: &str) -> Vec<String> {
        seen(body).refreshes.into_iter().map(|refresh| refresh.target.map_or_else(|error| error.to_string(), String::from)).collect()
    }

    const META: &str = "<meta http-equiv=refresh content='0;url=/x'>";

    #[test]
    fn a_refresh_counts_where_a_browser_takes_it() {
        for (before, after) in [
            ("", ""),
            ("<body><p>", ""),
            ("</html>", ""),
            ("<table><tr>", ""),
            ("<svg>", ""),
            ("<svg><title>", ""),
            ("<select>", ""),
            ("<div style='display:none'>", ""),
        ] {
            assert_eq!(targets(&format!("{before}{META}{after}")), ["http://a.test/x"], "{before}");
        }
        assert_eq!(targets("<meta http-equiv='&#114;efresh' content='0;url&equals;/x'>"), ["http://a.test/x"]);
        for before in [
            "<!--",
            "<noscript>",
            "<template>",
            "<textarea>",
            "<title>",
            "<style>",
            "<xmp>",
            "<iframe>",
            "<plaintext>",
            "<frameset>",
            "<script>",
            "<noembed>",
        ] {
            assert_eq!(targets(&format!("{before}{META}")), Vec::<String>::new(), "{before}");
        }
    }

    #[test]
    fn the_base_counts_only_before_the_meta() {
        assert_eq!(targets("<base href=http://b.test/d/><meta http-equiv=refresh content='0;url=x'>"), ["http://b.test/d/x"]);
        assert_eq!(targets("<meta http-equiv=refresh content='0;url=x'><base href=http://b.test/d/>"), ["http://a.test/p/x"]);
        assert_eq!(targets("<base href='data:text/html,x'><meta http-equiv=refresh content='0;url=x'>"), ["http://a.test/p/x"]);
    }

    #[test]
    fn title_and_text_are_what_people_see() {
        let seen =
            seen("<title> A &amp;\n B </title><style>x{}</style><script>var a</script><p>one</p><p>two &lt;3</p><noscript>no</noscript>");
        assert_eq!((seen.title.as_deref(), seen.text.trim()), (Some("A & B"), "one two <3"));
    }

    #[test]
    fn scripts_are_looked_at_where_they_run() {
        assert!(seen("<script>location='x'</script>").look.may_navigate.is_some());
        assert!(seen("<body onload=\"location='x'\">").look.may_navigate.is_some());
        assert!(seen("<p>x<body onload=\"location='x'\">").look.may_navigate.is_some());
        assert!(seen("<iframe src=\"javascript:top.location%3D'x'\">").look.may_navigate.is_some());
        assert!(seen("<iframe srcdoc=\"<script>parent.location='x'</script>\">").look.may_navigate.is_some());
        assert!(
            seen("<script>document.body.append(Object.assign(document.createElement('script'),{src:'/r.js'}))</script>x")
                .look
                .is_made_by_scripts
        );
        assert!(seen("<a onclick=\"location='x'\">").look.may_navigate.is_none());
        assert!(seen("<script type=application/json>location='x'</script>").look.may_navigate.is_none());
        assert!(seen("<template><script>location='x'</script></template>").look.may_navigate.is_none());
        assert!(seen("<script src=/r.js></script><p>x").look.is_made_by_scripts);
        assert!(!seen(&format!("<script src=/r.js></script><p>{}", "word ".repeat(60))).look.is_made_by_scripts);
    }

    #[test]
    fn a_page_without_anything_to_see_is_blank() {
        for body in ["<html><head></head><body></body></html>", "\0\0\0", "<!-- text -->", "<script>var a</script>"] {
            assert!(seen(body).is_blank, "{body:?}");
        }
        for body in ["<p>x", "<title>x</title>", "<img src=x>", "<body style='background:url(x)'>"] {
            assert!(!seen(body).is_blank, "{body:?}");
        }
    }

    #[test]
    fn a_page_of_nothing_but_nesting_is_given_up_in_time() {
        let start = Instant::now();
        seen(&format!("{META}{}{}", "<div>".repeat(150_000), "</p>".repeat(150_000)));
        assert!(start.elapsed() < PARSE_BUDGET * 2);
    }
}
