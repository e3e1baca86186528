//! `link-peeler desktop open`, `status`, `pause`, `resume`: asks the desktop that runs in the data folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use desktop::ui::{Control, ReportedStage, StatusReport};
use owo_colors::OwoColorize as _;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::exit::{Ended, Exit, Failure};
use crate::{data_dir, output};

/// It is on this machine: what takes longer does not answer.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Args, Debug)]
#[command(after_help = "\
Exit code 4 when no desktop runs there, or one without pages (--no-pages): these commands go through its pages.

Example:
  link-peeler desktop status --json")]
pub(super) struct Common {
    /// Data folder of the desktop
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
The address that it prints lets one browser in, once, within ten minutes.

Examples:
  link-peeler desktop open
  link-peeler desktop open --print")]
pub(super) struct Open {
    #[command(flatten)]
    common: Common,
    /// Print the address, and start no browser
    #[arg(long)]
    print: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    url: String,
    expires_in: u64,
}

pub(super) async fn open(arguments: &Open) -> Ended {
    let opened: Opened = arguments.common.ask(Method::POST, "/control/open").await?;
    if arguments.common.json {
        output::json(&opened)?;
        return Ok(Exit::Ok);
    }
    output::line(&opened.url)?;
    output::note(&format!("It works once, within {} minutes.", opened.expires_in / 60));
    if !arguments.print && !start_browser(&opened.url) {
        output::note("No browser could be started here: open the address in one on this machine.");
    }
    Ok(Exit::Ok)
}

pub(super) async fn status(common: &Common) -> Ended {
    let report: StatusReport = common.ask(Method::GET, "/control/status").await?;
    tell(common, &report)
}

pub(super) async fn turn(common: &Common, paused: bool) -> Ended {
    let report: StatusReport = common.ask(Method::POST, if paused { "/control/pause" } else { "/control/resume" }).await?;
    tell(common, &report)
}

fn tell(common: &Common, report: &StatusReport) -> Ended {
    if common.json {
        output::json(report)?;
    } else {
        for (name, value) in lines(report) {
            output::line(&format!("{}{value}", format!("{name:<10}").dimmed()))?;
        }
    }
    Ok(Exit::Ok)
}

/// How it stands, as its page says it.
fn state(report: &StatusReport) -> String {
    match (report.stage, report.paused) {
        (ReportedStage::Asking, _) => "asks the relay for a code".to_owned(),
        (ReportedStage::Code, _) => format!("waits to be linked: approve {}", report.user_code.as_deref().unwrap_or_default()),
        (ReportedStage::Linked, true) => "paused".to_owned(),
        (ReportedStage::Linked, false) if report.relay_answers => "at work".to_owned(),
        (ReportedStage::Linked, false) if report.relay_refuses => {
            "the relay refuses this desktop; was it revoked? Then stop it, and start it with --relink".to_owned()
        }
        // It has not asked yet: it was resumed just now, or started.
        (ReportedStage::Linked, false) if report.trouble.is_none() => "reaching the relay".to_owned(),
        (ReportedStage::Linked, false) => "the relay does not answer".to_owned(),
    }
}

fn lines(report: &StatusReport) -> Vec<(&'static str, String)> {
    let state = state(report);
    let browser = report.browser.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string());
    let mut lines = vec![("state", state), ("relay", report.relay_url.clone())];
    lines.extend(report.trouble.clone().map(|trouble| ("trouble", trouble)));
    lines.extend(report.account.map(|account| ("account", account.to_string())));
    lines.extend(report.device_id.map(|device| ("device", device.to_string())));
    lines
        .push(("jobs", format!("{} of {} at once; {} checked since {}", report.running, report.slots, report.resolved, report.started_at)));
    if report.unsettled_results > 0 {
        lines.push(("results", format!("{} wait for the relay", report.unsettled_results)));
    }
    lines.extend([
        ("browser", browser),
        ("secrets", report.secrets.to_string()),
        ("version", report.version.clone()),
        ("pages", report.pages_url.clone()),
    ]);
    lines
}

impl Common {
    async fn ask<A: serde::de::DeserializeOwned>(&self, method: Method, path: &str) -> Result<A, Failure> {
        let folder = data_dir::desktop(self.data_dir.clone())?;
        let control = Control::find(&folder)?.ok_or_else(|| not_running(&folder))?;
        // To loopback and nowhere else: a proxy of the environment would be handed the token.
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
        let request = client.context("an HTTP client")?.request(method, format!("http://{}{path}", control.address));
        let answer = request.bearer_auth(control.token.expose()).send().await.context("the desktop does not answer")?;
        if !answer.status().is_success() {
            let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
            return Err(anyhow!("the desktop refused ({status}): {text}").into());
        }
        Ok(answer.json().await.context("the desktop's answer cannot be read")?)
    }
}

fn not_running(folder: &Path) -> Failure {
    anyhow!("no desktop with pages runs in {} (one with --no-pages cannot be asked); start one with `link-peeler desktop`, or name its folder with --data-dir", folder.display())
        .into()
}

/// Hands the address to the system's browser. Whether something took it.
fn start_browser(url: &str) -> bool {
    let mut command = if cfg!(windows) {
        let mut command = Command::new("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else {
        Command::new(if cfg!(target_os = "macos") { "open" } else { "xdg-open" })
    };
    let nothing = || Stdio::null();
    command.arg(url).stdin(nothing()).stdout(nothing()).stderr(nothing()).status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_silence_and_a_beginning_are_told_apart() {
        let said = |answers, refuses, trouble: Option<&str>| {
            let report = serde_json::from_value(serde_json::json!({
                "stage": "linked", "relayUrl": "https://relay.example/", "relayAnswers": answers, "relayRefuses": refuses,
                "trouble": trouble, "paused": false, "running": 0, "slots": 1, "unsettledResults": 0, "resolved": 0,
                "startedAt": protocol::UnixMillis(0), "version": "0", "pagesUrl": ""
            }));
            state(&report.unwrap())
        };
        assert_eq!(said(true, false, None), "at work");
        assert_eq!(said(false, false, None), "reaching the relay");
        assert_eq!(said(false, false, Some("connection refused")), "the relay does not answer");
        assert!(said(false, true, Some("device_revoked")).starts_with("the relay refuses this desktop"));
    }
}
