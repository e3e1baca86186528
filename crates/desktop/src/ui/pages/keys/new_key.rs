//! A new API key: what it is called, what it may do, from where, and until when.

use std::fmt::Display;

use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};
use protocol::key::{AddressRange, KeyTerms, MAX_ADDRESS_RANGES, MAX_LABEL_CHARS, Scope, Scopes};
use protocol::{Environment, UnixMillis};
use serde::Deserialize;
use ui::button::{self, Weight};
use ui::card::{card, fold};
use ui::field::{self, Field};
use ui::{Icon, response};

use super::super::super::Shared;
use super::super::super::frame::{self, Frame};
use super::{FreshKey, failed};
use crate::{activity, lock};

/// A day in seconds.
const DAY: i64 = 86_400;
/// For how many days a key may be good.
const LIVES: [(&str, &str); 4] = [("", "For good"), ("30", "30 days"), ("90", "90 days"), ("365", "A year")];

/// The form, as it was filled in.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    label: String,
    environment: String,
    // A box that is not ticked is not sent.
    submit: Option<String>,
    read: Option<String>,
    cancel: Option<String>,
    #[serde(default)]
    addresses: String,
    #[serde(default)]
    days: String,
}

impl Default for Wanted {
    fn default() -> Self {
        let (yes, no) = (|| Some("yes".to_owned()), String::new);
        Self { label: no(), environment: "live".to_owned(), submit: yes(), read: yes(), cancel: yes(), addresses: no(), days: no() }
    }
}

type Faults = Vec<(String, String)>;

impl Wanted {
    fn may(&self, scope: Scope) -> bool {
        match scope {
            Scope::Submit => &self.submit,
            Scope::Read => &self.read,
            Scope::Cancel => &self.cancel,
        }
        .is_some()
    }

    /// What people will call it, and its terms; or every field at fault.
    fn read(&self, now: UnixMillis) -> Result<(&str, KeyTerms), Faults> {
        let (label, mut faults) = (self.label.trim(), Faults::new());
        let mut fault = |field: &str, what: &dyn Display| faults.push((field.to_owned(), what.to_string()));
        if label.is_empty() {
            fault("label", &"Give it a name, so that you know it again.");
        } else if label.chars().count() > MAX_LABEL_CHARS || label.chars().any(char::is_control) {
            fault("label", &"A name has at most 100 characters, and no line breaks.");
        }
        let granted: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| self.may(*scope)).collect();
        let scopes = Scopes::of(&granted);
        if scopes.is_none() {
            fault("scope", &"Tick at least one thing that it may do.");
        }
        let mut addresses = Vec::new();
        for text in self.addresses.split([',', ' ', '\n', '\r']).filter(|text| !text.is_empty()) {
            match text.parse::<AddressRange>() {
                Ok(range) => addresses.push(range),
                Err(error) => fault("addresses", &format_args!("“{text}”: {error}.")),
            }
        }
        if addresses.len() > MAX_ADDRESS_RANGES {
            fault("addresses", &format_args!("At most {MAX_ADDRESS_RANGES} addresses or ranges."));
        }
        let days = LIVES.iter().find(|(days, _)| *days == self.days).and_then(|(days, _)| days.parse::<i64>().ok());
        let expires_at = days.map(|days| now.plus_seconds(days * DAY));
        match (scopes, faults.is_empty()) {
            (Some(scopes), true) => Ok((label, KeyTerms { scopes, addresses, expires_at })),
            _ => Err(faults),
        }
    }
}

/// `POST /keys`: makes one, and leads to where its secret is shown once.
pub(crate) async fn make(State(office): State<Shared>, frame: Frame, Form(wanted): Form<Wanted>) -> Response {
    let (label, terms) = match wanted.read(office.station.clock.now()) {
        Ok(read) => read,
        Err(faults) => {
            let main = super::content(&office, &wanted, &faults).await;
            return frame::with_status(StatusCode::UNPROCESSABLE_ENTITY, &office.station, &frame, "/keys", "API keys", main);
        }
    };
    let environment = wanted.environment.parse().unwrap_or(Environment::Test);
    let created = match office.station.keys() {
        Ok(keys) => keys.create_with(environment, label, terms).await,
        Err(error) => Err(error),
    };
    match created {
        Ok(created) => {
            office.station.note(activity::Weight::Usual, format!("made the API key {} ({label})", created.key_id));
            *lock(&office.fresh_key) = Some(FreshKey { created, previous_ends_at: None });
            response::see_other("/keys/made").into_response()
        }
        Err(error) => failed(&office, &frame, "The key was not made", &error),
    }
}

/// The form of a new key.
pub(super) fn form(wanted: &Wanted, faults: &[(String, String)]) -> Markup {
    let fault = |name: &str| faults.iter().find(|(field, _)| field == name).map(|(_, what)| what.as_str());
    let name = Field {
        name: "label",
        label: "Name",
        value: &wanted.label,
        hint: Some("Where it will be used: a script, a sheet, a platform."),
        error: fault("label"),
        required: true,
        autocomplete: Some("off"),
        max_length: u32::try_from(MAX_LABEL_CHARS).ok(),
    };
    let environments = [
        ("live", "Live", "For real work: it counts against the plan."),
        ("test", "Test", "For trying out: its jobs and rows never meet those of live keys."),
    ];
    let limits = html! {
        (scopes(wanted, fault("scope")))
        (field::area(2, &Field {
            name: "addresses", label: "Only from these addresses", value: &wanted.addresses, error: fault("addresses"), autocomplete: Some("off"),
            hint: Some("Addresses or ranges, such as 192.0.2.0/24. Empty: from anywhere."), ..Field::default()
        }))
        (field::select(&LIVES, &Field { name: "days", label: "Good for", value: &wanted.days, hint: Some("Afterwards it signs nothing more."), ..Field::default() }))
    };
    let is_limited = !wanted.addresses.is_empty() || !wanted.days.is_empty() || Scope::ALL.into_iter().any(|scope| !wanted.may(scope));
    card(
        "New key",
        &html! {},
        &html! {
            form.form method="post" action="/keys" {
                (field::input("text", &name))
                (field::radios("environment", "Works on", &environments, &wanted.environment))
                (fold("Limits: what it may do, from where, until when", is_limited, &limits))
                (field::actions(&button::submit(Weight::Main, Some(Icon::Plus), "Make the key")))
            }
        },
    )
}

fn scopes(wanted: &Wanted, fault: Option<&str>) -> Markup {
    let words = |scope| match scope {
        Scope::Submit => "Have links resolved",
        Scope::Read => "Read jobs, rows and what else the account has",
        Scope::Cancel => "Cancel jobs",
    };
    html! {
        fieldset.radios #scope {
            legend { "It may" }
            @if let Some(fault) = fault { p.error { (fault) } }
            @for scope in Scope::ALL { (field::checkbox(scope.as_str(), "yes", words(scope), None, wanted.may(scope))) }
        }
    }
}
