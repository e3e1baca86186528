//! Contexts: what requests of this machine look like to links. Which browser is used, the user agents and languages of
//! jobs that ask for none, and the proxies that jobs may ask for by name.

use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};
use protocol::DeviceKind;
use resolver::{BrowserChoice, default_user_agent};
use serde::Deserialize;
use ui::badge::badge;
use ui::button::{self, Weight};
use ui::card::{card, flush_card, terms};
use ui::field::{self, Field};
use ui::header::page_header;
use ui::notice::{errors, notice};
use ui::{Icon, Tone, response};

use super::super::frame::{self, Frame};
use super::super::{Office, Shared};
use super::proxies;
use crate::preferences::MAX_TEXT_BYTES;
use crate::station::ChoiceError;

/// A field that is wrong: its id, and what to say.
pub(super) type Fault = (String, String);

/// `GET /contexts`.
pub(crate) async fn show(State(office): State<Shared>, frame: Frame) -> Response {
    answer(&office, &frame, StatusCode::OK, &[])
}

/// The form of [`set_identity`].
#[derive(Deserialize)]
pub(crate) struct Identity {
    desktop_agent: String,
    mobile_agent: String,
    language: String,
}

/// `POST /contexts/identity`.
pub(crate) async fn set_identity(State(office): State<Shared>, frame: Frame, Form(form): Form<Identity>) -> Response {
    let fields = [("desktop_agent", &form.desktop_agent), ("mobile_agent", &form.mobile_agent), ("language", &form.language)];
    let is_wrong = |text: &str| text.len() > MAX_TEXT_BYTES || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let wrong = fields.iter().filter(|(_, text)| is_wrong(text.trim()));
    let faults: Vec<Fault> =
        wrong.map(|(id, _)| ((*id).to_owned(), "A header has at most 1,024 characters, of plain ASCII.".to_owned())).collect();
    if !faults.is_empty() {
        return answer(&office, &frame, StatusCode::UNPROCESSABLE_ENTITY, &faults);
    }
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let chosen = office.station.choose("changed user agents and language", |choices| {
        choices.desktop_user_agent = given(&form.desktop_agent);
        choices.mobile_user_agent = given(&form.mobile_agent);
        choices.accept_language = given(&form.language);
    });
    after(&office, &frame, chosen, "/contexts")
}

/// The form of [`set_browser`].
#[derive(Deserialize)]
pub(crate) struct Browser {
    #[serde(default)]
    browser: Option<String>,
}

/// `POST /contexts/browser`.
pub(crate) async fn set_browser(State(office): State<Shared>, frame: Frame, Form(form): Form<Browser>) -> Response {
    let no_browser = form.browser.is_none();
    let what = if no_browser { "no browser is started any more" } else { "the installed browser is used" };
    let chosen = office.station.choose(what, |choices| choices.no_browser = no_browser);
    after(&office, &frame, chosen, "/contexts")
}

/// After a choice: back to the page, or what went wrong.
pub(super) fn after(office: &Office, frame: &Frame, chosen: Result<(), ChoiceError>, back: &str) -> Response {
    match chosen {
        Ok(()) => response::see_other(back).into_response(),
        Err(error) => {
            let main = html! {
                h1 { "Nothing has changed" }
                (notice(Tone::Bad, "What went wrong", &html! { (error) }))
                p { a.button href=(back) { "Back" } }
            };
            frame::with_status(StatusCode::INTERNAL_SERVER_ERROR, &office.station, frame, back, "Nothing has changed", main)
        }
    }
}

/// The page, with what is wrong.
pub(super) fn answer(office: &Office, frame: &Frame, status: StatusCode, faults: &[Fault]) -> Response {
    let about = "What requests from this machine look like. Changes hold from the next job on.";
    let main = html! {
        (page_header("Contexts", Some(about), &html! {}))
        (errors(faults))
        (browser(office))
        (identity(office, faults))
        (flush_card("Proxies", &html! {}, &proxies::list(office)))
        (proxies::new_proxy(faults))
    };
    frame::with_status(status, &office.station, frame, "/contexts", "Contexts", main)
}

fn browser(office: &Office) -> Markup {
    let resolving = &office.station.resolving;
    let found = match resolving.browser() {
        Ok(path) => html! { (badge(Tone::Ok, "found")) " " code { (path.display()) } },
        Err(cause) => html! { (badge(Tone::Review, "none")) " " (cause) },
    };
    let fixed = match &resolving.base().browser {
        BrowserChoice::Installed => None,
        BrowserChoice::Executable(_) => Some("The command line names this browser (--browser)."),
        BrowserChoice::Off => Some("The command line turns it off (--no-browser)."),
    };
    card(
        "Browser",
        &html! {},
        &html! {
            (terms(&[("Browser", found)]))
            p { "Some links can only be followed by a real browser: the desktop starts it by itself, with an empty profile for each job. Without one such links conclude as “context unavailable”." }
            @match fixed {
                Some(why) => p.hint { (why) },
                None => form.form method="post" action="/contexts/browser" {
                    (field::checkbox("browser", "yes", "Use the installed Chrome, Chromium or Edge", None, !office.station.preferences.read().no_browser))
                    (field::actions(&button::submit(Weight::Plain, None, "Save")))
                },
            }
        },
    )
}

fn identity(office: &Office, faults: &[Fault]) -> Markup {
    let choices = office.station.preferences.read();
    let one = |name: &'static str, label: &'static str, value: &Option<String>, hint: &str| {
        let error = faults.iter().find(|(id, _)| id == name).map(|(_, fault)| fault.as_str());
        let max_length = u32::try_from(MAX_TEXT_BYTES).ok();
        let value = value.as_deref().unwrap_or_default();
        field::input("text", &Field { name, label, value, hint: Some(hint), error, required: false, autocomplete: Some("off"), max_length })
    };
    let unless = |usual: &str| format!("When empty: {usual}");
    card(
        "User agents and language",
        &html! {},
        &html! {
            p { "A job may ask for its own; these are for jobs that do not." }
            form.form method="post" action="/contexts/identity" {
                (one("desktop_agent", "User agent of a computer", &choices.desktop_user_agent, &unless(default_user_agent(Some(DeviceKind::Desktop)))))
                (one("mobile_agent", "User agent of a phone", &choices.mobile_user_agent, &unless(default_user_agent(Some(DeviceKind::Mobile)))))
                (one("language", "Accept-Language", &choices.accept_language, &unless(resolver::DEFAULT_ACCEPT_LANGUAGE)))
                (field::actions(&button::submit(Weight::Plain, Some(Icon::Check), "Save")))
            }
        },
    )
}
