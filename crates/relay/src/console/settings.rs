//! What holds for the account: plan and usage, freshness, retention, and where the rest is set.

use axum::extract::State;
use axum::response::Response;
use protocol::Environment;
use ui::header::page_header;
use ui::{Markup, card, chart, html, number, time};

use super::fault::Fault;
use super::signed_in::SignedIn;
use crate::state::Shared;

/// The page's place in the navigation.
pub(super) const SETTINGS: &str = "/settings";

/// `GET /console/{account}/settings`
pub(super) async fn page(State(state): State<Shared>, signed_in: SignedIn) -> Result<Response, Fault> {
    let (account, now) = (signed_in.account(), state.now());
    let live = state.store.standing(account, Environment::Live, now).await?;
    let test = state.store.standing(account, Environment::Test, now).await?;
    let queue = state.store.queue_head(account).await?;
    let settings = state.store.settings();
    let plan_name = state.store.plan_name(account).await?;
    let plan = plan_name.as_deref().and_then(|name| settings.plans.get(name));
    let unlimited = || html! { "without a limit" };
    let limit = |limit: Option<u64>| limit.map_or_else(unlimited, number::number);
    let plan_terms: Vec<(&str, Markup)> = vec![
        ("Plan", html! { strong { (plan_name.as_deref().unwrap_or("unknown")) } }),
        ("Signed requests", html! { @if plan.is_some_and(|plan| plan.api_links) { "included" } @else { "not included" } }),
        ("Fetches a month", limit(plan.and_then(|plan| plan.monthly_fetches))),
        ("Requests a second and key", limit(plan.and_then(|plan| plan.requests_per_second).map(|rate| rate.get().into()))),
        ("API keys", limit(plan.and_then(|plan| plan.keys).map(u64::from))),
        ("Desktops", limit(plan.and_then(|plan| plan.devices).map(u64::from))),
        ("Jobs waiting at once", limit(plan.and_then(|plan| plan.jobs_waiting))),
    ];
    let usage = html! {
        (chart::gauge("Live fetches this month", live.used, live.limit))
        (card::terms(&[
            ("Test fetches", html! { (number::number(test.used)) }),
            ("Waiting now", number::number(queue.waiting)),
            ("Counted anew from", time::time(live.month.renews_at())),
        ]))
    };
    let channel = state.store.channel(account).await?;
    let retention = settings.retention;
    let rules = html! {
        (card::terms(&[
            ("Freshness window", html! { (time::duration(u64::from(channel.freshness_seconds) * 1_000)) }),
            ("Checks kept", html! { (retention.job_days()) " days" }),
            ("Idempotency keys kept", html! { (retention.idempotency_days()) " days" }),
        ]))
        p.faint { "A row whose last check is older than the freshness window is not ready for ads. On the relay's machine, " code { "link-peeler channel set --freshness-seconds" } " changes it for this account; how long things are kept holds for the whole relay (" code { "relay --retention-days" } ")." }
    };
    let desktop = html! {
        p { "How pages are judged (bot walls, paused offers, fall-backs to a home page), proxies, user agents and guard exceptions are the desktop's. Its own pages show and change them:" }
        (ui::code::block("open-desktop", "Command that opens the desktop's pages", "link-peeler desktop open"))
    };
    let main = html! {
        (page_header("Settings", Some(&signed_in.membership.account_name), &html! {}))
        (card::columns(&[card::card("Plan", &html! {}, &card::terms(&plan_terms)), card::card("Usage this month", &html! {}, &usage)]))
        (card::columns(&[card::card("Freshness and retention", &html! {}, &rules), card::card("Rules and contexts", &html! {}, &desktop)]))
        (card::card("People", &html! { a href=(signed_in.path("/people")) { "All people" } }, &html! { p { "Who belongs to this account, and what they may do." } }))
    };
    Ok(signed_in.page("Settings", SETTINGS, main))
}
