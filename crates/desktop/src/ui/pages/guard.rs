//! The guard's exceptions: each is an exact address and port, and all of them are in sight.

use axum::Form;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};
use resolver::guard::Exceptions;
use serde::Deserialize;
use ui::badge::badge;
use ui::button::{self, Weight};
use ui::card::{card, empty, flush_card};
use ui::field::{self, Field};
use ui::header::page_header;
use ui::notice::errors;
use ui::table::{Column, Keep, table, td};
use ui::{Icon, Tone};

use super::super::frame::{self, Frame};
use super::super::{Office, Shared};
use super::contexts::{self, Fault};
use crate::preferences::{MAX_ENTRIES, MAX_TEXT_BYTES};

/// One exception.
#[derive(Deserialize)]
pub(crate) struct OneException {
    exception: String,
}

/// `GET /guard`.
pub(crate) async fn show(State(office): State<Shared>, frame: Frame) -> Response {
    answer(&office, &frame, StatusCode::OK, "", None)
}

/// `POST /guard/exceptions`.
pub(crate) async fn add(State(office): State<Shared>, frame: Frame, Form(form): Form<OneException>) -> Response {
    let text = form.exception.trim();
    let refuse = |fault: String| answer(&office, &frame, StatusCode::UNPROCESSABLE_ENTITY, text, Some(fault));
    let known = office.station.preferences.read().exceptions;
    if text.len() > MAX_TEXT_BYTES || known.len() >= MAX_ENTRIES {
        return refuse(format!("There are at most {MAX_ENTRIES} exceptions, of at most {MAX_TEXT_BYTES} characters."));
    }
    match Exceptions::parse([text]) {
        Ok(parsed) => {
            let text = parsed.texts().concat();
            let chosen = office.station.choose(&format!("the guard lets {text} pass"), |choices| {
                if !choices.exceptions.contains(&text) {
                    choices.exceptions.push(text.clone());
                }
            });
            contexts::after(&office, &frame, chosen, "/guard")
        }
        Err(error) => refuse(error.to_string()),
    }
}

/// `POST /guard/exceptions/remove`.
pub(crate) async fn remove(State(office): State<Shared>, frame: Frame, Form(form): Form<OneException>) -> Response {
    let chosen = office.station.choose(&format!("the guard lets {} pass no longer", form.exception), |choices| {
        choices.exceptions.retain(|exception| *exception != form.exception);
    });
    contexts::after(&office, &frame, chosen, "/guard")
}

fn answer(office: &Office, frame: &Frame, status: StatusCode, value: &str, fault: Option<String>) -> Response {
    let about = "Links come from strangers, so this machine dials no private or local address for them. What you except here is dialled, and marked in the evidence.";
    let faults: Vec<Fault> = fault.iter().map(|fault| ("exception".to_owned(), fault.clone())).collect();
    let field = Field {
        name: "exception",
        label: "Exception",
        value,
        hint: Some(
            "ADDR:PORT lets this exact address pass: 127.0.0.1:8080. HOSTPATTERN[:PORT]=ADDR:PORT dials there for such hosts: *.test=127.0.0.1:8080",
        ),
        error: fault.as_deref(),
        required: true,
        autocomplete: Some("off"),
        max_length: Some(1_024),
    };
    let main = html! {
        (page_header("Guard", Some(about), &html! {}))
        (errors(&faults))
        (flush_card("Exceptions", &html! {}, &list(office)))
        (card("Add an exception", &html! {}, &html! {
            form.form method="post" action="/guard/exceptions" {
                (field::input("text", &field))
                (field::actions(&button::submit(Weight::Plain, Some(Icon::Plus), "Let it pass")))
            }
        }))
        (card("What no exception lifts", &html! {}, &html! {
            p { "Ports that browsers block, and these pages themselves: no link gets to " code { (office.address) } ", by no exception and through no proxy." }
        }))
    };
    frame::with_status(status, &office.station, frame, "/guard", "Guard", main)
}

fn list(office: &Office) -> Markup {
    let fixed = office.station.resolving.base().exceptions.texts();
    let chosen = office.station.preferences.read().exceptions;
    if fixed.is_empty() && chosen.is_empty() {
        let about = "Nothing on this machine or its network can be reached by a link. Most desktops stay like this.";
        return empty(Icon::Shield, "No exception", about, &html! {});
    }
    let columns = [Column::new("Exception"), Column::new("From").keep(Keep::Medium), Column::new("Actions")];
    let rows = html! {
        @for text in &fixed {
            tr { (td(Keep::Always, &html! { code { (text) } })) (td(Keep::Medium, &badge(Tone::Plain, "command line"))) (td(Keep::Always, &html! {})) }
        }
        @for text in &chosen {
            tr {
                (td(Keep::Always, &html! { code { (text) } }))
                (td(Keep::Medium, &badge(Tone::Review, "chosen here")))
                (td(Keep::Always, &html! {
                    form.inline method="post" action="/guard/exceptions/remove" {
                        input type="hidden" name="exception" value=(text);
                        button.button.quiet type="submit" aria-label={ "Remove " (text) } { "Remove" }
                    }
                }))
            }
        }
    };
    table("Exceptions of the guard", &columns, &rows)
}
