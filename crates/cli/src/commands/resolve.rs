//! `link-peeler resolve`: follows links here and now. No account, no relay.

use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use futures_util::{Stream, StreamExt as _};
use indicatif::{ProgressBar, ProgressStyle};
use protocol::{Conclusion, EngineChoice, JobResult, RequiredParameter, RowExpectation};
use resolver::{ResolveRequest, Resolver, Screenshot};
use serde::Serialize;

use crate::context_flags::ContextFlags;
use crate::exit::{Ended, Exit, Failure};
use crate::resolve::evidence::{Evidence, Pictures};
use crate::resolve::input::{Link, NamedColumns, Source};
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
    /// Write results as CSV (`-` for standard output): the columns that came in, then the result's
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    csv_out: Option<PathBuf>,
    /// Write the chains as an HTTP Archive (HAR 1.2), a page for each link
    #[arg(long, value_name = "FILE")]
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
    /// Go through this proxy: http://, https:// or socks5:// HOST:PORT, or @FILE with [USER:PASSWORD@] in it
    #[arg(long, value_name = "URL")]
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
    screenshot: Option<&'a std::path::Path>,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    let at_once = usize::from(arguments.concurrency);
    let mut settings = arguments.resolver.settings(at_once, arguments.proxy.as_deref())?;
    let pictures = arguments.screenshot.as_deref().map(|path| Pictures::at(path, arguments.urls.len() == 1)).transpose()?;
    settings.screenshots = pictures.as_ref().map(Pictures::wanted).unwrap_or_default();
    let resolver = resolver_flags::resolver(settings)?;
    let source = arguments.source()?;
    let expected = arguments.expectation()?;
    let mut printer = arguments.printer(&source)?;
    let mut evidence = Evidence::new(arguments.har.as_deref(), pictures)?;
    let progress = arguments.progress();
    let (mut summary, mut refused, began) = (Summary::default(), false, Instant::now());
    let mut results = resolve_all(&arguments, &expected, source, resolver, at_once);
    let mut stopped = std::pin::pin!(signals::stop_requested());
    let interrupted = loop {
        let resolved = tokio::select! {
            stopped = &mut stopped => break stopped.map(|()| true)?,
            resolved = results.next() => resolved,
        };
        let Some(resolved) = resolved else { break false };
        let (link, result, picture) = resolved?;
        let picture = evidence.add(&link.url, &result, picture.as_ref())?;
        summary.add(result.conclusion);
        refused |= result.conclusion == Conclusion::TargetRefused;
        progress.suspend(|| printer.print(&link, &result, picture.as_deref()))?;
        progress.set_message(summary.counts());
        progress.inc(1);
    };
    progress.finish_and_clear();
    evidence.finish()?;
    if !arguments.quiet && (summary.total() != 1 || !matches!(printer, Printer::Tree)) {
        output::note(&summary.line(began.elapsed()));
    }
    if refused && !arguments.quiet {
        output::note(
            "The guard refuses private and local addresses, and those in a network that this machine is in; one of your own passes with --allow ADDR:PORT.",
        );
    }
    if interrupted {
        output::note("Stopped: the links under way and after them were not followed to their end.");
        return Ok(summary.exit().worse(Exit::Inconclusive));
    }
    Ok(summary.exit())
}

type Resolved = Result<(Link, JobResult, Option<Screenshot>), Failure>;

fn resolve_all<'a>(
    arguments: &'a Arguments,
    expected: &'a RowExpectation,
    source: Source,
    resolver: Resolver,
    at_once: usize,
) -> std::pin::Pin<Box<dyn Stream<Item = Resolved> + 'a>> {
    let mut context = arguments.context.context(arguments.proxy.as_ref().map(|_| UNNAMED_PROXY.to_owned()));
    if arguments.screenshot.is_some() {
        // Nobody else can take a picture.
        context.engine = context.engine.or(Some(EngineChoice::Browser));
    }
    let links = futures_util::stream::unfold(source.read(), |mut links| async { links.recv().await.map(|link| (link, links)) });
    let resolving = links.map(move |link| {
        let (resolver, context) = (resolver.clone(), context.clone());
        async move {
            let link = link?;
            let expected_domain = link.expected_domain.clone().or_else(|| arguments.expect_domain.clone());
            let expectation = of_link_or(&link.expectation, expected);
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

impl Arguments {
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
    Sheet(Box<SheetWriter<Box<dyn Write>>>),
}

impl Printer {
    fn print(&mut self, link: &Link, result: &JobResult, screenshot: Option<&std::path::Path>) -> Result<(), Failure> {
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
