//! What holds for the account: plan and usage, the channel that its scripts read, how long a check stays fresh, how long
//! work is kept; and where the rest is set. Owners change it, every member sees it.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::channel::{Channel, InvalidChannel, LEAST_FRESHNESS_SECONDS, MOST_FRESHNESS_SECONDS, PLATFORM_API};
use domain::retention::{JOB_OUTLIVES_KEY_DAYS, LEAST_IDEMPOTENCY_DAYS};
use domain::{Plan, Role};
use protocol::Environment;
use serde::Deserialize;
use store::Kept;
use ui::button::{self, Weight};
use ui::confirm::{Question, question};
use ui::field::{self, Field};
use ui::header::page_header;
use ui::{Icon, Markup, Tone, card, chart, code, html, notice, number, time};

use super::fault::Fault;
use super::form::Form;
use super::signed_in::{AtLeast, Owner, SignedIn};
use crate::state::{RelayState, Shared};

/// The page's place in the navigation.
pub(super) const SETTINGS: &str = "/settings";
/// Units of the freshness window: word of the form, what a person calls it, seconds.
const UNITS: [(&str, &str, u32); 4] = [("s", "seconds", 1), ("m", "minutes", 60), ("h", "hours", 3_600), ("d", "days", 86_400)];
/// The least that an account may keep its jobs: as long as callers are promised that a retry makes no second one.
const LEAST_DAYS: u32 = LEAST_IDEMPOTENCY_DAYS + JOB_OUTLIVES_KEY_DAYS;

/// What was saved just now, as a word.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    did: String,
}

/// The form about the channel, as it was sent.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct NewChannel {
    source: String,
    freshness: String,
    unit: String,
}

/// The form about what is kept, as it was sent.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct NewRetention {
    days: String,
    confirmed: String,
}

/// What a form got wrong: field and sentence.
type Faults = Vec<(String, String)>;

/// `GET /console/{account}/settings`
pub(super) async fn page(State(state): State<Shared>, signed_in: SignedIn, Query(said): Query<Said>) -> Result<Response, Fault> {
    let main = whole(&state, &signed_in, Forms { did: &said.did, ..Forms::default() }).await?;
    Ok(signed_in.page("Settings", SETTINGS, main))
}

/// `POST /console/{account}/settings/channel`
pub(super) async fn set_channel(
    State(state): State<Shared>,
    signed_in: SignedIn<Owner>,
    Form(wanted): Form<NewChannel>,
) -> Result<Response, Fault> {
    let sources = state.store.channel_sources(signed_in.account()).await?;
    match wanted.read(&sources) {
        Ok(channel) => {
            signed_in.store.set_channel(signed_in.account(), channel, signed_in.actor(), state.now()).await?;
            Ok(signed_in.go(&format!("{SETTINGS}?did=channel")))
        }
        Err(fault) => again(&state, &signed_in, Forms { channel: Some(wanted), faults: vec![fault], ..Forms::default() }).await,
    }
}

/// `POST /console/{account}/settings/retention`
pub(super) async fn set_retention(
    State(state): State<Shared>,
    signed_in: SignedIn<Owner>,
    Form(wanted): Form<NewRetention>,
) -> Result<Response, Fault> {
    let kept = state.store.kept(signed_in.account()).await?;
    let days = match wanted.read(kept) {
        Ok(days) => days,
        Err(fault) => {
            return again(&state, &signed_in, Forms { retention: Some(wanted), faults: vec![fault], ..Forms::default() }).await;
        }
    };
    let after = Kept { chosen: days, ..kept };
    if after.now().job_days() < kept.now().job_days() && wanted.confirmed != "yes" {
        return Ok(signed_in.page("Keep less", SETTINGS, keep_less(&signed_in, after)));
    }
    signed_in.store.keep(signed_in.account(), days, signed_in.actor(), state.now()).await?;
    Ok(signed_in.go(&format!("{SETTINGS}?did=retention")))
}

impl NewChannel {
    fn read(&self, sources: &[String]) -> Result<Channel, (String, String)> {
        let at = |field: &str, words: String| (field.to_owned(), words);
        let bounds =
            || format!("A check stays fresh for {} minute to {} days.", LEAST_FRESHNESS_SECONDS / 60, MOST_FRESHNESS_SECONDS / 86_400);
        let unit = UNITS.iter().find(|(word, ..)| *word == self.unit).ok_or_else(|| at("freshness", bounds()))?.2;
        let count: u32 = self.freshness.trim().parse().map_err(|_| at("freshness", "Freshness is a whole number.".to_owned()))?;
        let seconds = count.checked_mul(unit).ok_or_else(|| at("freshness", bounds()))?;
        Channel::new(&self.source, seconds, sources).map_err(|error| match error {
            InvalidChannel::Source { .. } => at("source", format!("{error}.")),
            InvalidChannel::Freshness => at("freshness", bounds()),
        })
    }

    /// The form for a channel as it is: in the largest unit that it is a whole number of.
    fn of(channel: &Channel) -> Self {
        let seconds = channel.freshness_seconds;
        let (unit, _, length) = UNITS.into_iter().rev().find(|(.., length)| seconds.is_multiple_of(*length)).unwrap_or(UNITS[0]);
        Self { source: channel.source.clone(), freshness: (seconds / length).to_string(), unit: unit.to_owned() }
    }
}

impl NewRetention {
    fn read(&self, kept: Kept) -> Result<Option<u32>, (String, String)> {
        let days = self.days.trim();
        if days.is_empty() {
            return Ok(None);
        }
        let most = kept.allowed.job_days();
        let fits = |days: &u32| (LEAST_DAYS..=most).contains(days);
        let fault = || ("days".to_owned(), format!("A whole number of days from {LEAST_DAYS} to {most}, or nothing."));
        days.parse().ok().filter(fits).map(Some).ok_or_else(fault)
    }
}

/// Forms that were sent, with what is wrong with them, and what was done.
#[derive(Default)]
struct Forms<'f> {
    did: &'f str,
    channel: Option<NewChannel>,
    retention: Option<NewRetention>,
    faults: Faults,
}

impl Forms<'_> {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|(name, _)| name == field).map(|(_, words)| words.as_str())
    }
}

async fn again(state: &RelayState, signed_in: &SignedIn<Owner>, forms: Forms<'_>) -> Result<Response, Fault> {
    let main = whole(state, signed_in, forms).await?;
    Ok(signed_in.page_with(StatusCode::UNPROCESSABLE_ENTITY, "Settings", SETTINGS, main))
}

async fn whole<R: AtLeast>(state: &RelayState, signed_in: &SignedIn<R>, forms: Forms<'_>) -> Result<Markup, Fault> {
    let account = signed_in.account();
    let channel = state.store.channel(account).await?;
    let kept = state.store.kept(account).await?;
    let people = state.store.members(account).await?.len();
    let sources = state.store.channel_sources(account).await?;
    Ok(html! {
        (page_header("Settings", Some(&signed_in.membership.account_name), &html! {}))
        (notice::errors(&forms.faults))
        @match forms.did {
            "channel" => (notice::notice(Tone::Ok, "Saved. Rows are told by it from now on.", &html! {})),
            "retention" => (notice::notice(Tone::Ok, "Saved. What is older goes within the hour.", &html! {})),
            _ => {},
        }
        (card::columns(&usage(state, signed_in).await?))
        (card::columns(&[channel_card(signed_in, (&channel, &sources), &forms), retention_card(signed_in, kept, &forms)]))
        (card::columns(&[rules(), people_card(signed_in, people)]))
    })
}

/// The plan, and how much of it is used.
async fn usage<R: AtLeast>(state: &RelayState, signed_in: &SignedIn<R>) -> Result<[Markup; 2], Fault> {
    let (account, now) = (signed_in.account(), state.now());
    let live = state.store.standing(account, Environment::Live, now).await?;
    let test = state.store.standing(account, Environment::Test, now).await?;
    let queue = state.store.queue_head(account).await?;
    let plan_name = state.store.plan_name(account).await?;
    let plan = plan_name.as_deref().and_then(|name| state.store.settings().plans.get(name));
    let limit = |limit: Option<u64>| limit.map_or_else(|| html! { "without a limit" }, number::number);
    let of = |member: fn(&Plan) -> Option<u64>| limit(plan.and_then(member));
    let plan_terms: Vec<(&str, Markup)> = vec![
        ("Plan", html! { strong { (plan_name.as_deref().unwrap_or("unknown")) } }),
        ("Signed requests", html! { @if plan.is_some_and(|plan| plan.api_links) { "included" } @else { "not included" } }),
        ("Fetches a month", of(|plan| plan.monthly_fetches)),
        ("Requests a second and key", of(|plan| plan.requests_per_second.map(|rate| rate.get().into()))),
        ("API keys", of(|plan| plan.keys.map(u64::from))),
        ("Desktops", of(|plan| plan.devices.map(u64::from))),
        ("Jobs waiting at once", of(|plan| plan.jobs_waiting)),
    ];
    let usage = html! {
        (chart::gauge("Live fetches this month", live.used, live.limit))
        (card::terms(&[
            ("Test fetches", html! { (number::number(test.used)) }),
            ("Waiting now", number::number(queue.waiting)),
            ("Counted anew from", time::time(live.month.renews_at())),
        ]))
    };
    let whose = html! { (card::terms(&plan_terms)) p.faint { "Whoever runs the relay decides about plans (" code { "link-peeler accounts" } ")." } };
    Ok([card::card("Plan", &html! {}, &whose), card::card("Usage this month", &html! {}, &usage)])
}

/// A source as it is offered.
fn source_words(source: &str) -> String {
    match source {
        PLATFORM_API => format!("{source}: rows that your programs send"),
        "csv" => format!("{source}: rows that came in here, from files and by hand"),
        _ => source.to_owned(),
    }
}

fn channel_card<R: AtLeast>(signed_in: &SignedIn<R>, (channel, sources): (&Channel, &[String]), forms: &Forms<'_>) -> Markup {
    let sent = forms.channel.clone().unwrap_or_else(|| NewChannel::of(channel));
    let known: Vec<(&str, String)> = sources.iter().map(|source| (source.as_str(), source_words(source))).collect();
    let known: Vec<(&str, &str)> = known.iter().map(|(source, words)| (*source, words.as_str())).collect();
    let hint = (known.len() == 1).then_some("An imported CSV is a source of its own, and can be chosen here afterwards.");
    let body = html! {
        p { "Your scripts ask " code { "GET /api/channel" } " which source to read, and how old a check may be before a row is not ready for ads." }
        @if signed_in.may(Role::Owner) {
            form.form method="post" action=(signed_in.path("/settings/channel")) {
                (field::select(&known, &Field { name: "source", label: "Source", value: &sent.source, hint, required: true, error: forms.fault("source"), ..Field::default() }))
                div.beside {
                    (field::input("number", &Field { name: "freshness", label: "A check stays fresh for", value: &sent.freshness, required: true, error: forms.fault("freshness"), autocomplete: Some("off"), ..Field::default() }))
                    (field::select(&UNITS.map(|(word, words, _)| (word, words)), &Field { name: "unit", label: "Unit", value: &sent.unit, required: true, ..Field::default() }))
                }
                (field::actions(&button::submit(Weight::Plain, None, "Save")))
            }
        } @else {
            (card::terms(&[
                ("Source", html! { (channel.source) }),
                ("A check stays fresh for", html! { (time::duration(u64::from(channel.freshness_seconds) * 1_000)) }),
            ]))
        }
    };
    card::card("Channel and freshness", &html! {}, &body)
}

fn retention_card<R: AtLeast>(signed_in: &SignedIn<R>, kept: Kept, forms: &Forms<'_>) -> Markup {
    let sent = forms
        .retention
        .clone()
        .unwrap_or_else(|| NewRetention { days: kept.chosen.map(|days| days.to_string()).unwrap_or_default(), ..NewRetention::default() });
    let now = kept.now();
    let hint = format!("{LEAST_DAYS} to {} days. Empty: as long as plan and relay allow.", kept.allowed.job_days());
    let body = html! {
        (card::terms(&[
            ("Checks and their evidence", html! { (now.job_days()) " days" }),
            ("Idempotency keys", html! { (now.idempotency_days()) " days" }),
            ("Audit", html! { (now.audit_days()) " days" }),
        ]))
        @if signed_in.may(Role::Owner) {
            form.form method="post" action=(signed_in.path("/settings/retention")) {
                (field::input("number", &Field { name: "days", label: "Days that checks are kept", value: &sent.days, hint: Some(&hint), error: forms.fault("days"), autocomplete: Some("off"), ..Field::default() }))
                (field::actions(&button::submit(Weight::Plain, None, "Save")))
            }
        }
        p.faint { "Rows keep the last that was said of them. The audit is kept as long as the relay's operator says." }
    };
    card::card("What is kept", &html! {}, &body)
}

/// What is older than that goes for good: a question first.
fn keep_less(signed_in: &SignedIn<Owner>, after: Kept) -> Markup {
    let days = after.now().job_days();
    let value = after.chosen.map(|days| days.to_string()).unwrap_or_default();
    question(&Question {
        title: &format!("Keep checks for {days} days?"),
        consequences: html! {
            p { "Checks that ended more than " (days) " days ago go within the hour, with their chains and screenshots, and do not come back. Idempotency keys are then remembered for " (after.now().idempotency_days()) " days. Export what you need before." }
        },
        deed: "Keep less",
        action: &signed_in.path("/settings/retention"),
        cancel: &signed_in.path(SETTINGS),
        fields: &[("days", &value), ("confirmed", "yes")],
        asks: html! {},
        form_extras: html! {},
    })
}

/// Rules are the resolver's, and resolving is the desktop's: the relay has none to show.
fn rules() -> Markup {
    card::card(
        "Rules and contexts",
        &html! {},
        &html! {
            p { "How a page is judged (bot walls, paused offers, fall-backs to a home page) is data in the desktop program (“link-peeler rules show”), to which a desktop may be given more (“desktop --rules FILE”). Proxies, user agents, languages and guard exceptions are each desktop's own; its pages show and change those:" }
            (code::block("open-desktop", "Command that opens the desktop's pages", "link-peeler desktop open"))
            p.faint { "What is expected of one row (domain, required parameters, accepted URL) stands on the row's page, and for many at once above the table of rows." }
        },
    )
}

fn people_card<R: AtLeast>(signed_in: &SignedIn<R>, people: usize) -> Markup {
    card::card(
        "Operators",
        &html! { a href=(signed_in.path("/people")) { "All people" } },
        &html! {
            p { @if people == 1 { "One person belongs" } @else { (people) " people belong" } " to this account. Viewers look, operators work with rows, desktops and keys, owners also decide about people and settings." }
            @if signed_in.may(Role::Owner) { div.buttons { (button::link(Weight::Plain, Some(Icon::People), "Invite somebody", &signed_in.path("/people"))) } }
        },
    )
}

#[cfg(test)]
mod tests {
    use domain::Retention;

    use super::*;

    fn channel(source: &str, freshness: &str, unit: &str) -> Result<u32, String> {
        let sent = NewChannel { source: source.to_owned(), freshness: freshness.to_owned(), unit: unit.to_owned() };
        sent.read(&domain::channel::sources(Vec::new())).map(|channel| channel.freshness_seconds).map_err(|(field, _)| field)
    }

    #[test]
    fn a_window_is_read_in_its_unit_and_shown_in_the_largest() {
        assert_eq!(channel("platform_api", " 36 ", "h"), Ok(129_600));
        for (freshness, unit) in [("0", "m"), ("91", "d"), ("4294967295", "d"), ("-1", "h"), ("1.5", "h"), ("", "h"), ("100", "years")] {
            assert_eq!(channel("platform_api", freshness, unit), Err("freshness".to_owned()), "{freshness} {unit}");
        }
        assert_eq!(channel("mars", "1", "h"), Err("source".to_owned()));
        let shown = |seconds| {
            let form = NewChannel::of(&Channel { source: PLATFORM_API.to_owned(), freshness_seconds: seconds });
            (form.freshness, form.unit)
        };
        assert_eq!(shown(86_400), ("1".to_owned(), "d".to_owned()));
        assert_eq!(shown(5_400), ("90".to_owned(), "m".to_owned()));
    }

    #[test]
    fn nothing_is_kept_longer_than_is_allowed() {
        let kept = Kept { allowed: Retention::default(), chosen: None };
        let read = |days: &str| NewRetention { days: days.to_owned(), confirmed: String::new() }.read(kept).ok();
        assert_eq!([read(""), read("2"), read("90")], [Some(None), Some(Some(2)), Some(Some(90))]);
        assert_eq!([read("1"), read("91"), read("x")], [None, None, None]);
    }
}
