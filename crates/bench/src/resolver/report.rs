//! The figures of a run as text and as JSON.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::browser::{Browsers, Side};
use super::claims::{self, Claim};
use super::memory::Memory;
use super::mixed::Mixed;
use super::playwright::Until;
use super::speed::{Program, Speed, ratio};
use crate::machine::Machine;

/// Everything that was measured.
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) load_before: String,
    pub(super) load_after: String,
    pub(super) served_by: String,
    pub(super) page_kib: usize,
    pub(super) chains: usize,
    pub(super) browser: Option<PathBuf>,
    pub(super) http: Option<Speed>,
    /// With pages of each size.
    pub(super) memory: Vec<Memory>,
    pub(super) pages: Option<Browsers>,
    pub(super) mixed: Option<Mixed>,
}

impl Report {
    pub(super) fn to_text(&self) -> String {
        let Self { machine, load_before, load_after, served_by, page_kib, .. } = self;
        let mut text = format!(
            "{}\nload average {load_before} before, {load_after} after; links of 3 redirects and a page of {page_kib} KiB, 100 loopback hosts, \
             served by {served_by}\n",
            machine.describe()
        );
        if let Some(speed) = &self.http {
            text += &self.http_text(speed);
        }
        match (&self.pages, &self.browser) {
            (Some(pages), _) => text += &pages_text(pages),
            (None, None) => text += "\nno browser is installed: the browser engine was not measured\n",
            (None, Some(_)) => {}
        }
        self.mixed.iter().for_each(|mixed| text += &mixed_text(mixed));
        text + &claims::to_text(&self.claims())
    }

    /// What is claimed of the parts that were run.
    fn claims(&self) -> Vec<Claim> {
        let mut claims = Vec::new();
        if let Some(speed) = &self.http {
            let times = |name: &str| speed.rival(name).map(|rival| speed.ratio(rival));
            claims.push(Claim::more_than("HTTP: links a second, over curl --parallel-max 300", claims::FASTER_THAN_CURL, times("curl")));
            claims.push(Claim::at_least("HTTP: links a second, over lychee", claims::FASTER_THAN_LYCHEE, times("lychee")));
        }
        claims.extend(self.memory.iter().map(|Memory { page_kib, chains, peak_mib, .. }| {
            Claim::under(format!("HTTP: memory at {chains} chains at once, pages of {page_kib} KiB"), claims::MEMORY_MIB, Some(*peak_mib))
        }));
        for at in self.pages.iter().flat_map(|pages| &pages.all) {
            let what = format!("browser: pages a second, {} at once, over playwright until load", at.at_once);
            let measured = at.playwright(Until::Load).map(|load| ratio(&at.ours.rounds, &load.rounds));
            claims.push(Claim::at_least(what, claims::FASTER_THAN_PLAYWRIGHT, measured));
        }
        claims
    }

    fn http_text(&self, speed: &Speed) -> String {
        let Speed { links, rounds, ours, rivals, absent } = speed;
        let mut text = format!("\nHTTP engine at {} chains, {links} links, median of {rounds} interleaved rounds\n", self.chains);
        text += &format!(
            "{:<14}{:>14}{:>20}{:>14}{:>20}{:>18}{:>24}\n",
            "program", "links/s", "slowest-fastest", "peak MiB", "processor us/link", "ours is so fast", "by processor time"
        );
        for program in std::iter::once(ours).chain(rivals) {
            let (slowest, fastest) = speed.range(program);
            let is_ours = program.name == ours.name;
            let times = |ratio: f64| if is_ours { String::new() } else { format!("{ratio:.2} times") };
            text += &format!(
                "{:<14}{:>14.0}{:>20}{:>14.1}{:>20.0}{:>18}{:>24}\n",
                program.name,
                speed.a_second(program),
                format!("{slowest:.0}-{fastest:.0}"),
                program.peak_mib,
                speed.processor_us(program),
                times(speed.ratio(program)),
                times(speed.processor_ratio(program))
            );
        }
        for name in absent {
            text += &format!("{name} is not installed, so it was not measured\n");
        }
        text += &format!(
            "of each of our rounds {:.0} ms are start and end of the process; between, {:.0} links a second\n",
            speed.our_start_ms(),
            speed.our_steady_rate()
        );
        for Memory { page_kib, chains, peak_mib, links_a_second } in &self.memory {
            text += &format!(
                "at {chains} chains and pages of {page_kib} KiB our peak is {peak_mib:.1} MiB, at {links_a_second:.0} links a second\n"
            );
        }
        text
    }

    pub(super) fn to_json(&self) -> Value {
        let Machine { date, processor, cores, system, .. } = &self.machine;
        json!({
            "machine": {
                "date": date, "processor": processor, "cores": cores, "system": system,
                "loadAverageBefore": self.load_before, "loadAverageAfter": self.load_after,
            },
            "site": {"servedBy": self.served_by, "pageKib": self.page_kib},
            "http": self.http.as_ref().map(|speed| self.http_json(speed)),
            "browser": self.pages.as_ref().map(pages_json),
            "mixed": self.mixed.as_ref().map(mixed_json),
            "claims": claims::to_json(&self.claims()),
        })
    }

    fn http_json(&self, speed: &Speed) -> Value {
        let Speed { links, rounds, ours, rivals, absent } = speed;
        let program = |program: &Program| {
            let (slowest, fastest) = speed.range(program);
            json!({
                "name": program.name, "linksASecond": speed.a_second(program), "slowest": slowest, "fastest": fastest,
                "peakMib": program.peak_mib, "processorUsALink": speed.processor_us(program), "oursOverThis": speed.ratio(program),
                "oursOverThisByProcessorTime": speed.processor_ratio(program),
            })
        };
        let rivals: Vec<Value> = rivals.iter().map(program).collect();
        json!({
            "chains": self.chains, "links": links, "rounds": rounds, "ours": program(ours), "rivals": rivals,
            "absent": absent, "ourStartMs": speed.our_start_ms(), "ourSteadyLinksASecond": speed.our_steady_rate(),
            "memory": self.memory.iter().map(|memory| json!({
                "pageKib": memory.page_kib, "chains": memory.chains, "peakMib": memory.peak_mib, "linksASecond": memory.links_a_second,
            })).collect::<Vec<_>>(),
        })
    }
}

fn pages_text(pages: &Browsers) -> String {
    let Browsers { links, rounds, playwright, all } = pages;
    let mut text = format!("\nbrowser engine, a fresh context a link, {links} links, median of {rounds} interleaved rounds\n");
    text += &match playwright {
        Ok(version) => format!("beside playwright-core {version}, until the load event and until 500 ms without network, same browser\n"),
        Err(reason) => format!("playwright was not measured: {reason}\n"),
    };
    text += &format!("{:<10}{:<22}{:>12}{:>14}{:>20}\n", "at once", "side", "pages/s", "p50 ms", "ours is so fast");
    for at in all {
        let mut line = |name: &str, side: &Side, times: String| {
            text += &format!("{:<10}{name:<22}{:>12.2}{:>14.0}{times:>20}\n", at.at_once, pages.a_second(side), side.p50_ms);
        };
        line("link-peeler", &at.ours, String::new());
        for (until, side) in &at.theirs {
            line(&format!("playwright, {}", until.name()), side, format!("{:.2} times", ratio(&at.ours.rounds, &side.rounds)));
        }
    }
    text
}

fn pages_json(pages: &Browsers) -> Value {
    let all = pages.all.iter().map(|at| {
        let side = |side: &Side| {
            json!({
                "pagesASecond": pages.a_second(side), "p50Ms": side.p50_ms, "oursOverThis": ratio(&at.ours.rounds, &side.rounds),
            })
        };
        json!({
            "atOnce": at.at_once, "ours": side(&at.ours), "playwrightLoad": at.playwright(Until::Load).map(side),
            "playwrightQuiet": at.playwright(Until::Quiet).map(side),
        })
    });
    let (version, absent) = (pages.playwright.as_ref().ok(), pages.playwright.as_ref().err());
    json!({
        "links": pages.links, "rounds": pages.rounds, "playwrightVersion": version, "playwrightAbsent": absent,
        "pages": all.collect::<Vec<_>>(),
    })
}

fn mixed_text(mixed: &Mixed) -> String {
    let Mixed { links, elapsed, as_expected, otherwise, opened, reasons, missed, needless } = mixed;
    let mut text = format!(
        "\na mixed list (the lab's {links} cases) through `auto`: {as_expected} concluded as the lab says, {opened} opened the browser, {:.1} s\n\
         of those that opened it, {needless} are cases for which the lab calls for none; of those that it calls for one, {} did without\n",
        elapsed.as_secs_f64(),
        missed.len()
    );
    for (reason, count) in reasons {
        text += &format!("  {count:>4}  {reason}\n");
    }
    for (case, expected, concluded) in otherwise {
        text += &format!("  {case}: the lab says {expected}, concluded {concluded}\n");
    }
    text
}

fn mixed_json(mixed: &Mixed) -> Value {
    let otherwise =
        mixed.otherwise.iter().map(|(case, expected, concluded)| json!({"case": case, "expected": expected, "concluded": concluded}));
    json!({
        "links": mixed.links, "seconds": mixed.elapsed.as_secs_f64(), "asExpected": mixed.as_expected,
        "otherwise": otherwise.collect::<Vec<_>>(), "openedBrowser": mixed.opened, "reasons": mixed.reasons,
        "missed": mixed.missed, "needless": mixed.needless,
    })
}
