//! `link-peeler resolve`: follows links here and now. No account, no relay.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use futures_util::{Stream, StreamExt as _};
use indicatif::{ProgressBar, ProgressStyle};
use protocol::fetch_request::{DOMAIN_RULE, canonical_domain};
use protocol::{Conclusion, Context, EngineChoice, JobResult, RequiredParameter, RowExpectation};
use resolver::{ResolveRequest, Resolver, Screenshot};
use serde::Serialize;

use crate::context_flags::ContextFlags;
use crate::exit::{Ended, Exit, Failure};
use crate::resolve::evidence::{Evidence, Pictures};
use crate::resolve::input::{Link, NamedColumns, Source};
use crate::resolve::replacement::Replacement;
use crate::resolve::sheet::{self, SheetWriter};
use crate::resolve::summary::Summary;
use crate::resolver_flags::{self, ResolverFlags, UNNAMED_PROXY};
use crate::{describe, output, signals};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  link-peeler resolve https://trk.example/a1
  link-peeler resolve --json --expect-domain shop.example https://trk.example/a1
  link-peeler resolve --require-param clickid --require-param sub=north https://trk.example/a1
  link-peeler resolve --file links.txt --as-completed --json
  link-peeler resolve --har chains.har --screenshot pictures/ --file links.txt
  link-peeler resolve --csv offers.csv --url-column link --csv-out checked.csv
  link-peeler resolve --allow 127.0.0.1:7336 http://127.0.0.1:7336/landing     (a link in the lab)")]
pub(crate) struct Arguments {
    /// Links to follow; without any, they are read from --file, --csv or standard input
    #[arg(value_name = "URL", conflicts_with_all = ["file", "csv"])]
    urls: Vec<String>,
    /// File with a link a line (`-` for standard input); blank lines and `#` comments are skipped
    #[arg(short, long, value_name = "FILE", conflicts_with = "csv")]
    file: Option<PathBuf>,
    /// CSV file with a header (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Column with the links; by default trackingUrl, tracking_url, url or link
    #[arg(long, value_name = "NAME", requires = "csv")]
    url_column: Option<String>,
    /// Column with the expected domains; by default expectedDomain or expected_domain, if there is one
    #[arg(long, value_name = "NAME", requires = "csv")]
    domain_column: Option<String>,
    /// Column with the required parameters, written as in a query (`clickid&sub=north`); by default requiredParameters
    #[arg(long, value_name = "NAME", requires = "csv")]
    params_column: Option<String>,
    /// Column with the accepted URLs; by default acceptedUrl or accepted_url, if there is one
    #[arg(long, value_name = "NAME", requires = "csv")]
    accepted_column: Option<String>,
    /// Write results as CSV (`-` for standard output): the columns that came in, then the result's. A file that is there,
    /// such as the one from --csv, is replaced when the last row is written
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    csv_out: Option<PathBuf>,
    /// Write the chains as an HTTP Archive (HAR 1.2), a page for each link
    #[arg(long, value_name = "FILE", value_parser = file)]
    har: Option<PathBuf>,
    /// Keep a picture of the page where each link ends: a .webp or .png file for one link, a folder for several. Takes the
    /// browser unless --engine says otherwise
    #[arg(long, value_name = "FILE|FOLDER")]
    screenshot: Option<PathBuf>,
    /// Print a line of JSON for each link
    #[arg(long)]
    json: bool,
    /// Print each result as soon as it is there, not in the order of the input
    #[arg(long)]
    as_completed: bool,
    /// Registrable domain or host where the links should land
    #[arg(long, value_name = "DOMAIN")]
    expect_domain: Option<String>,
    /// Query parameter that must reach the final URL, with any value or exactly this one. May be repeated
    #[arg(long = "require-param", value_name = "NAME[=VALUE]")]
    require_params: Vec<RequiredParameter>,
    /// Final URL that was accepted before: another host or path is drift
    #[arg(long, value_name = "URL")]
    accepted_url: Option<String>,
    /// Go through this proxy: http://, https:// or socks5:// HOST:PORT, @FILE with such a URL and its [USER:PASSWORD@] in it, or
    /// the name of a --proxy-profile
    #[arg(long, value_name = "URL|NAME")]
    proxy: Option<String>,
    /// Links at once
    #[arg(short, long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// No progress and no summary
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    context: ContextFlags,
    #[command(flatten)]
    resolver: ResolverFlags,
}

/// One line of `--json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    tracking_url: &'a str,
    class: protocol::Class,
    result: &'a JobResult,
    /// Where its picture went.
    #[serde(skip_serializing_if = "Option::is_none")]
    screenshot: Option<&'a Path>,
}

/// How far the links were followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All of them.
    Whole,
    /// Somebody wanted it to end.
    Stopped,
    /// Whoever read the results has read enough.
    OutputClosed,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    let at_once = usize::from(arguments.concurrency);
    let (proxy, expected_domain) = (arguments.proxy(), arguments.expected_domain()?);
    let context = arguments.context(&proxy)?;
    let mut settings = arguments.resolver.settings(at_once, proxy.unnamed)?;
    let pictures = arguments.screenshot.as_deref().map(|path| Pictures::at(path, arguments.urls.len() == 1)).transpose()?;
    settings.screenshots = pictures.as_ref().map(Pictures::wanted).unwrap_or_default();
    let resolver = resolver_flags::resolver(settings)?;
    let source = arguments.source()?;
    let expectation = arguments.expectation()?;
    let printer = arguments.printer(&source)?;
    let evidence = Evidence::new(arguments.har.as_deref(), pictures)?;
    let began = Instant::now();
    let mut following = Following { printer, evidence, progress: arguments.progress(), summary: Summary::default(), has_refused: false };
    let asked = Asked { context, expected_domain, expectation };
    let followed = following.all(resolve_all(&arguments, &asked, source, resolver, at_once)).await;
    let Following { printer, evidence, progress, summary, has_refused } = following;
    progress.finish_and_clear();
    let is_tree = matches!(printer, Printer::Tree);
    // What there is is kept, whatever came between; the first cause is the one that is told.
    let kept = evidence.finish().and(printer.finish(matches!(followed, Ok(End::Whole))));
    let end = followed?;
    kept?;
    if !arguments.quiet && (summary.total() != 1 || !is_tree) {
        output::note(&summary.line(began.elapsed()));
    }
    if has_refused && !arguments.quiet {
        output::note(if arguments.proxy.is_some() {
            "The guard refuses private and local addresses, and those in a network that this machine is in; through a proxy none passes, with --allow or without."
        } else {
            "The guard refuses private and local addresses, and those in a network that this machine is in; one of your own passes with --allow ADDR:PORT."
        });
    }
    match end {
        End::Whole => return Ok(summary.exit()),
        End::Stopped => output::note("Stopped: the links under way and after them were not followed to their end."),
        End::OutputClosed => {}
    }
    // Of the others nobody knows.
    Ok(summary.exit().worse(Exit::Inconclusive))
}

/// Links being followed, and where their results go.
struct Following {
    printer: Printer,
    evidence: Evidence,
    progress: ProgressBar,
    summary: Summary,
    has_refused: bool,
}

impl Following {
    async fn all(&mut self, mut results: impl Stream<Item = Resolved> + Unpin) -> Result<End, Failure> {
        let mut stopped = std::pin::pin!(signals::stop_requested());
        loop {
            let resolved = tokio::select! {
                stopped = &mut stopped => return stopped.map(|()| End::Stopped).map_err(Failure::from),
                resolved = results.next() => resolved,
            };
            let Some(resolved) = resolved else { return Ok(End::Whole) };
            match self.one(resolved?) {
                Err(Failure::OutputClosed) => return Ok(End::OutputClosed),
                done => done?,
            }
        }
    }

    fn one(&mut self, (link, result, picture): (Link, JobResult, Option<Screenshot>)) -> Result<(), Failure> {
        let picture = self.evidence.add(&link.url, &result, picture.as_ref())?;
        self.summary.add(result.conclusion);
        self.has_refused |= result.conclusion == Conclusion::TargetRefused;
        self.progress.suspend(|| self.printer.print(&link, &result, picture.as_deref()))?;
        self.progress.set_message(self.summary.counts());
        self.progress.inc(1);
        Ok(())
    }
}

/// What the flags ask of every link.
struct Asked {
    context: Context,
    expected_domain: Option<String>,
    expectation: RowExpectation,
}

type Resolved = Result<(Link, JobResult, Option<Screenshot>), Failure>;

fn resolve_all<'a>(
    arguments: &'a Arguments,
    asked: &'a Asked,
    source: Source,
    resolver: Resolver,
    at_once: usize,
) -> std::pin::Pin<Box<dyn Stream<Item = Resolved> + 'a>> {
    let links = futures_util::stream::unfold(source.read(), |mut links| async { links.recv().await.map(|link| (link, links)) });
    let resolving = links.map(move |link| {
        let (resolver, context) = (resolver.clone(), asked.context.clone());
        async move {
            let link = link?;
            let expected_domain = link.expected_domain.clone().or_else(|| asked.expected_domain.clone());
            let expectation = of_link_or(&link.expectation, &asked.expectation);
            let request = ResolveRequest { tracking_url: link.url.clone(), expected_domain, expectation, context };
            let (result, picture) = resolver.resolve_with_screenshot(&request).await;
            Ok((link, result, picture))
        }
    });
    if arguments.as_completed { Box::pin(resolving.buffer_unordered(at_once)) } else { Box::pin(resolving.buffered(at_once)) }
}

/// What a link's own columns ask for, and the flags where they ask for nothing.
fn of_link_or(link: &RowExpectation, flags: &RowExpectation) -> RowExpectation {
    let own = &link.required_parameters;
    RowExpectation {
        required_parameters: if own.is_empty() { flags.required_parameters.clone() } else { own.clone() },
        accepted_url: link.accepted_url.as_ref().or(flags.accepted_url.as_ref()).cloned(),
    }
}

/// Which proxy `--proxy` means.
#[derive(Clone, Copy, Debug, Default)]
struct Proxy<'a> {
    /// The name under which it is known.
    name: Option<&'a str>,
    /// Its URL, unless it has a profile.
    unnamed: Option<&'a str>,
}

/// A path that names a file.
fn file(text: &str) -> Result<PathBuf, &'static str> {
    if text == "-" { Err("goes to a file, not to standard output") } else { Ok(text.into()) }
}

impl Arguments {
    fn proxy(&self) -> Proxy<'_> {
        match self.proxy.as_deref() {
            None => Proxy::default(),
            Some(name) if self.resolver.has_profile(name) => Proxy { name: Some(name), unnamed: None },
            Some(url) => Proxy { name: Some(UNNAMED_PROXY), unnamed: Some(url) },
        }
    }

    fn context(&self, proxy: &Proxy<'_>) -> Result<Context, Failure> {
        let mut context = self.context.checked(proxy.name.map(str::to_owned))?;
        if self.screenshot.is_some() {
            // Nobody else can take a picture.
            context.engine = context.engine.or(Some(EngineChoice::Browser));
        }
        Ok(context)
    }

    fn expected_domain(&self) -> Result<Option<String>, Failure> {
        let canonical =
            |text: &String| canonical_domain(text).ok_or_else(|| Failure::usage(format!("--expect-domain {text}: {DOMAIN_RULE}")));
        self.expect_domain.as_ref().map(canonical).transpose()
    }

    fn expectation(&self) -> Result<RowExpectation, Failure> {
        let expectation = RowExpectation { required_parameters: self.require_params.clone(), accepted_url: self.accepted_url.clone() };
        expectation.check().map_err(|fault| {
            let flag = if fault.pointer.starts_with("/acceptedUrl") { "--accepted-url" } else { "--require-param" };
            Failure::usage(format!("{flag}: {}", fault.detail))
        })?;
        Ok(expectation)
    }

    fn source(&self) -> Result<Source, Failure> {
        match (&self.csv, &self.file) {
            (Some(csv), _) => Source::sheet(csv, self.columns()),
            (None, Some(file)) => Source::lines(file),
            (None, None) if !self.urls.is_empty() => Ok(Source::Arguments(self.urls.clone())),
            (None, None) if std::io::stdin().is_terminal() => {
                Err(Failure::usage("no links: name some, or use --file, --csv or a pipe (see `link-peeler resolve --help`)"))
            }
            (None, None) => Source::lines("-".as_ref()),
        }
    }

    fn columns(&self) -> NamedColumns<'_> {
        NamedColumns {
            url: self.url_column.as_deref(),
            domain: self.domain_column.as_deref(),
            parameters: self.params_column.as_deref(),
            accepted: self.accepted_column.as_deref(),
        }
    }

    fn printer(&self, source: &Source) -> Result<Printer, Failure> {
        Ok(match &self.csv_out {
            Some(path) => Printer::Sheet(Box::new(sheet::create(path, source.header())?)),
            None if self.json => Printer::Json,
            None => Printer::Tree,
        })
    }

    /// Counts on standard error, for a person who waits while results go elsewhere.
    fn progress(&self) -> ProgressBar {
        let several = self.urls.len() != 1;
        if self.quiet || !several || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} done ({per_sec}) {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(std::time::Duration::from_millis(100));
        bar
    }
}

enum Printer {
    Tree,
    Json,
    Sheet(Box<SheetWriter<Replacement>>),
}

impl Printer {
    fn print(&mut self, link: &Link, result: &JobResult, screenshot: Option<&Path>) -> Result<(), Failure> {
        match self {
            Self::Tree => {
                output::line(&describe::tree(&link.url, result))?;
                if let Some(path) = screenshot {
                    output::line(&format!("   picture  {}", path.display()))?;
                }
            }
            Self::Json => output::json(&Line { tracking_url: &link.url, class: result.conclusion.class(), result, screenshot })?,
            Self::Sheet(sheet) => sheet.write(link, result)?,
        }
        Ok(())
    }

    /// Ends a sheet: one that is whole takes its place, any other is kept beside what was there.
    fn finish(self, is_whole: bool) -> Result<(), Failure> {
        if let Self::Sheet(sheet) = self
            && let Some(partial) = sheet.finish(is_whole)?
        {
            output::note(&format!("The file of --csv-out is as it was; the rows that are checked are in {}.", partial.display()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use protocol::UnixMillis;

    use super::*;

    #[test]
    fn a_line_of_json_has_the_link_its_class_and_the_result() {
        let result = JobResult { conclusion: Conclusion::HttpGone, ..JobResult::not_executed("gone", UnixMillis(0)) };
        let line = Line { tracking_url: "https://a.example/", class: result.conclusion.class(), result: &result, screenshot: None };
        let value = serde_json::to_value(line).unwrap();
        assert_eq!((value["trackingUrl"].as_str(), value["class"].as_str()), (Some("https://a.example/"), Some("bad")));
        assert_eq!(value["result"]["conclusion"], "http_gone");
    }
}
