//! Proxies by name: adding, trying, taking away. A password is kept and never shown.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};
use protocol::{Context, EngineChoice, JobResult, UnixMillis};
use resolver::proxy::ProxyScheme;
use resolver::{ProxyProfile, ResolveRequest};
use serde::Deserialize;
use ui::badge::{self, badge};
use ui::button::{self, Weight};
use ui::card::{card, empty};
use ui::field::{self, Field};
use ui::table::{Column, Keep, table, td};
use ui::{Icon, Tone, response, time};

use super::super::frame::Frame;
use super::super::{Office, Shared};
use super::contexts::{self, Fault};
use crate::lock;
use crate::preferences::{MAX_ENTRIES, MAX_TEXT_BYTES, ProxyUrl};

/// What a test may take: past it a person thinks that nothing happens.
const TEST_LIMIT: Duration = Duration::from_secs(20);
/// What a proxy is tried with unless somebody names something else.
const TEST_URL: &str = "https://example.com/";

/// What came of the last test of each proxy.
pub(crate) type ProxyTests = BTreeMap<String, ProxyTest>;

/// One test.
pub(crate) struct ProxyTest {
    at: UnixMillis,
    url: String,
    /// None: it took too long.
    result: Option<JobResult>,
}

/// The form of [`add`].
#[derive(Deserialize)]
pub(crate) struct NewProxy {
    name: String,
    url: String,
}

/// `POST /contexts/proxies`.
pub(crate) async fn add(State(office): State<Shared>, frame: Frame, Form(form): Form<NewProxy>) -> Response {
    let (name, url) = (form.name.trim(), form.url.trim());
    let mut faults: Vec<Fault> = Vec::new();
    // As jobs may name it (`docs/protocol.md`, context).
    let is_name = (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if !is_name {
        faults.push(("name".to_owned(), "A name has 1 to 64 letters, digits, dots, dashes or underscores.".to_owned()));
    }
    let is_fixed = office.station.resolving.base().proxies.contains_key(name);
    if is_fixed {
        faults.push(("name".to_owned(), "The command line has a proxy of this name already.".to_owned()));
    }
    let proxy = ProxyUrl::parse(url).ok().filter(|_| url.len() <= MAX_TEXT_BYTES);
    if proxy.is_none() {
        faults.push(("url".to_owned(), "Give it as http://, https:// or socks5:// [USER:PASSWORD@]HOST:PORT.".to_owned()));
    }
    let choices = office.station.preferences.read();
    if choices.proxies.len() >= MAX_ENTRIES && !choices.proxies.contains_key(name) {
        faults.push(("name".to_owned(), format!("There are {MAX_ENTRIES} proxies already; take one away first.")));
    }
    let Some(proxy) = proxy.filter(|_| faults.is_empty()) else {
        return contexts::answer(&office, &frame, StatusCode::UNPROCESSABLE_ENTITY, &faults);
    };
    lock(&office.proxy_tests).remove(name);
    let chosen = office.station.choose(&format!("added the proxy {name}"), |choices| {
        choices.proxies.insert(name.to_owned(), proxy);
    });
    contexts::after(&office, &frame, chosen, "/contexts")
}

/// The form of [`test`].
#[derive(Deserialize)]
pub(crate) struct Test {
    name: String,
    url: String,
}

/// `POST /contexts/proxies/test`: one link through the proxy, as a job would go.
pub(crate) async fn test(State(office): State<Shared>, Form(form): Form<Test>) -> Response {
    let context = Context { proxy: Some(form.name.clone()), engine: Some(EngineChoice::Http), ..Context::default() };
    let url = form.url.trim().to_owned();
    let request = ResolveRequest { tracking_url: url.clone(), context, ..ResolveRequest::default() };
    if profiles(&office).contains_key(&form.name) {
        let resolver = office.station.resolving.resolver();
        let result = tokio::time::timeout(TEST_LIMIT, resolver.resolve(&request)).await.ok();
        let at = office.station.clock.now();
        lock(&office.proxy_tests).insert(form.name, ProxyTest { at, url, result });
    }
    response::see_other("/contexts").into_response()
}

/// The form of [`remove`].
#[derive(Deserialize)]
pub(crate) struct Named {
    name: String,
}

/// `POST /contexts/proxies/remove`.
pub(crate) async fn remove(State(office): State<Shared>, frame: Frame, Form(form): Form<Named>) -> Response {
    lock(&office.proxy_tests).remove(&form.name);
    if !office.station.preferences.read().proxies.contains_key(&form.name) {
        return response::see_other("/contexts").into_response();
    }
    let chosen = office.station.choose(&format!("took the proxy {} away", form.name), |choices| {
        choices.proxies.remove(&form.name);
    });
    contexts::after(&office, &frame, chosen, "/contexts")
}

/// Every proxy, and whether the command line names it.
fn profiles(office: &Office) -> BTreeMap<String, (ProxyProfile, bool)> {
    let chosen = office.station.preferences.read().proxies;
    let chosen = chosen.into_iter().filter_map(|(name, proxy)| Some((name, (proxy.profile().ok()?, false))));
    let fixed = office.station.resolving.base().proxies.clone().into_iter().map(|(name, profile)| (name, (profile, true)));
    chosen.chain(fixed).collect()
}

/// The proxies, with what their last test came to.
pub(super) fn list(office: &Office) -> Markup {
    let profiles = profiles(office);
    if profiles.is_empty() {
        let about = "A job asks for a proxy by its name; it then looks as if it came from there.";
        return empty(Icon::Context, "No proxy yet", about, &html! {});
    }
    let now = office.station.clock.now();
    let tests = lock(&office.proxy_tests);
    let columns = [
        Column::new("Name"),
        Column::new("Address").keep(Keep::Medium),
        Column::new("Last test").keep(Keep::Medium),
        Column::new("Actions"),
    ];
    let rows = html! {
        @for (name, (profile, is_fixed)) in &profiles {
            tr {
                (td(Keep::Always, &html! { code { (name) } @if *is_fixed { " " (badge(Tone::Plain, "command line")) } }))
                (td(Keep::Medium, &address(profile)))
                (td(Keep::Medium, &html! { @match tests.get(name) { Some(test) => (outcome(test, now)), None => span.faint { "not tried" } } }))
                (td(Keep::Always, &html! {
                    div.row-actions {
                        form.inline method="post" action="/contexts/proxies/test" {
                            input type="hidden" name="name" value=(name);
                            input.small type="url" name="url" value=(TEST_URL) required maxlength="1024" aria-label={ "Link to try " (name) " with" };
                            button.button.quiet type="submit" aria-label={ "Test " (name) } { "Test" }
                        }
                        @if !is_fixed {
                            form.inline method="post" action="/contexts/proxies/remove" {
                                input type="hidden" name="name" value=(name);
                                button.button.quiet type="submit" aria-label={ "Remove " (name) } { "Remove" }
                            }
                        }
                    }
                }))
            }
        }
    };
    table("Proxies", &columns, &rows)
}

fn address(profile: &ProxyProfile) -> Markup {
    let scheme = match profile.scheme {
        ProxyScheme::Http => "http",
        ProxyScheme::Https => "https",
        ProxyScheme::Socks5 => "socks5",
    };
    html! {
        code { (scheme) "://" (profile.host) ":" (profile.port) @if profile.is_public { "#public" } }
        @if let Some(credentials) = &profile.credentials { " " span.faint { "as " (credentials.user) ", with a password" } }
    }
}

fn outcome(test: &ProxyTest, now: UnixMillis) -> Markup {
    html! {
        @match &test.result {
            None => (badge(Tone::Inconclusive, "no answer in time")),
            Some(result) => { (badge::conclusion(result.conclusion)) " " (time::duration(result.duration_ms)) p.hint { (result.detail) } }
        }
        p.hint { (test.url) ", " (time::ago(test.at, now)) }
    }
}

/// The form of a new proxy.
pub(super) fn new_proxy(faults: &[Fault]) -> Markup {
    let error = |name: &str| faults.iter().find(|(id, _)| id == name).map(|(_, fault)| fault.as_str());
    let name = Field {
        name: "name",
        label: "Name",
        hint: Some("Jobs ask for it by this name: de, mobile-us"),
        error: error("name"),
        required: true,
        autocomplete: Some("off"),
        max_length: Some(64),
        ..Field::default()
    };
    let url = Field {
        name: "url",
        label: "Address",
        hint: Some(
            "http://, https:// or socks5:// [USER:PASSWORD@]HOST:PORT. A password stays on this machine, in a file of yours alone. #public at its end vouches for a proxy on this machine or beside it that leads to the public internet alone.",
        ),
        error: error("url"),
        required: true,
        autocomplete: Some("off"),
        max_length: Some(1_024),
        ..Field::default()
    };
    card(
        "Add a proxy",
        &html! {},
        &html! {
            form.form method="post" action="/contexts/proxies" {
                (field::input("text", &name))
                (field::input("text", &url))
                (field::actions(&button::submit(Weight::Plain, Some(Icon::Plus), "Add the proxy")))
            }
        },
    )
}
