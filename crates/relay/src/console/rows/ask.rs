//! What is asked before something is done to rows: which ones, what will happen, and what is needed for it. The rows stand
//! in the form one by one, so what is confirmed is what was counted.

use ui::confirm::{Question, choice, question};
use ui::field::{self, Field};
use ui::{Markup, html, link, notice, number};

use super::ROWS;
use super::bulk::{FieldFault, Order};
use crate::console::fault::Fault;
use crate::console::place::RowName;
use crate::console::signed_in::{Operator, SignedIn};
use crate::state::RelayState;

/// Rows that a question names; the others it counts.
const NAMED: usize = 20;

fn count(order: &Order<'_>) -> String {
    match order.names.as_slice() {
        [one] => one.row_id.clone(),
        many => format!("{} rows", number::grouped(many.len() as u64)),
    }
}

/// A question about the rows of an order.
fn about(signed_in: &SignedIn<Operator>, order: &Order<'_>, act: &str, question_of: &About<'_>) -> Markup {
    let values: Vec<String> = order.names.iter().map(ToString::to_string).collect();
    let mut fields: Vec<(&str, &str)> = values.iter().map(|value| ("row", value.as_str())).collect();
    fields.extend([("act", act), ("back", order.back()), ("confirmed", "yes")]);
    fields.extend_from_slice(question_of.fields);
    let back = if order.back().starts_with('/') { order.back().to_owned() } else { format!("{ROWS}{}", order.back()) };
    let ask = if question_of.takes_away { question } else { choice };
    ask(&Question {
        title: question_of.title,
        consequences: html! {
            (question_of.consequences)
            @if order.is_cut { p { strong { "More rows fit than one form takes: these are the first of them." } " Send the form again for the next." } }
            @if order.names.len() > 1 && question_of.names_rows { (names(&order.names)) }
        },
        deed: question_of.deed,
        action: &signed_in.path("/rows/act"),
        cancel: &signed_in.path(&back),
        fields: &fields,
        asks: question_of.asks.clone(),
        form_extras: html! {},
    })
}

struct About<'a> {
    title: &'a str,
    consequences: Markup,
    names_rows: bool,
    /// Whether something is lost by it.
    takes_away: bool,
    deed: &'a str,
    fields: &'a [(&'a str, &'a str)],
    asks: Markup,
}

fn names(names: &[RowName]) -> Markup {
    html! {
        p.faint {
            (names.iter().take(NAMED).map(|name| name.row_id.as_str()).collect::<Vec<_>>().join(", "))
            @if names.len() > NAMED { " and " (number::grouped((names.len() - NAMED) as u64)) " more" }
        }
    }
}

/// Check them again?
pub(super) fn recheck(signed_in: &SignedIn<Operator>, order: &Order<'_>) -> Markup {
    let consequences =
        html! { p { "Each is one fetch of the month's quota. Rows that a desktop is checking already are not checked twice." } };
    let title = format!("Check {} again?", count(order));
    about(
        signed_in,
        order,
        "recheck",
        &About { title: &title, consequences, names_rows: true, takes_away: false, deed: "Check again", fields: &[], asks: html! {} },
    )
}

/// Take them in again?
pub(super) fn unskip(signed_in: &SignedIn<Operator>, order: &Order<'_>) -> Markup {
    let consequences = html! { p { "They are checked again from their next job on. Rows that are not skipped stay as they are." } };
    let title = format!("Take {} in again?", count(order));
    about(
        signed_in,
        order,
        "unskip",
        &About { title: &title, consequences, names_rows: true, takes_away: false, deed: "Take in again", fields: &[], asks: html! {} },
    )
}

/// Why are they skipped?
pub(super) fn reason(signed_in: &SignedIn<Operator>, order: &Order<'_>) -> Markup {
    let consequences = html! {
        p { "They are not checked until somebody takes them in again. Checks that wait now end as skipped; no quota is used for them." }
    };
    let asks = field::input(
        "text",
        &Field {
            name: "reason",
            label: "Reason",
            hint: Some("Whoever sees the row will read it: “paused until June”."),
            required: true,
            max_length: Some(500),
            ..Field::default()
        },
    );
    let title = format!("Skip {}?", count(order));
    about(
        signed_in,
        order,
        "skip",
        &About { title: &title, consequences, names_rows: true, takes_away: true, deed: "Skip", fields: &[], asks },
    )
}

/// Accept where they land? Each with the place that the person sees, so that nobody accepts what they have not seen.
pub(super) async fn acceptance(state: &RelayState, signed_in: &SignedIn<Operator>, order: &Order<'_>) -> Result<Markup, Fault> {
    let mut landing = Vec::new();
    for name in &order.names {
        let whose = (signed_in.account(), name.environment);
        let row = state.store.console_row(whose, (name.source.clone(), name.row_id.clone()), state.now()).await?;
        landing.extend(row.and_then(|row| row.row.final_url).map(|url| (name.clone(), url)));
    }
    let (names, urls): (Vec<RowName>, Vec<String>) = landing.into_iter().unzip();
    let consequences = html! {
        @if names.is_empty() { p { "None of these rows has landed anywhere yet." } }
        @else {
            p { "From the next check on, landing on another host or path is told as drift." }
            ul.landing { @for (name, url) in names.iter().zip(&urls) { li { strong { (name.row_id) } br; (link::outside(url)) } } }
        }
    };
    let seen: Vec<(&str, &str)> = urls.iter().map(|url| ("seen", url.as_str())).collect();
    let landed = order.of(names);
    let title = format!("Accept where {} lands?", count(&landed));
    let asked = About { title: &title, consequences, names_rows: false, takes_away: false, deed: "Accept", fields: &seen, asks: html! {} };
    Ok(about(signed_in, &landed, "accept", &asked))
}

/// What is expected of them from now on?
pub(super) fn expectations(signed_in: &SignedIn<Operator>, order: &Order<'_>, fault: Option<&FieldFault>) -> Markup {
    let of = |name: &str| fault.filter(|(field, _)| field == name).map(|(_, words)| words.as_str());
    let is_ticked = |name: &str| order.first(&format!("set-{name}")) == "yes";
    let asks = html! {
        (notice::errors(&fault.cloned().into_iter().collect::<Vec<_>>()))
        (field::checkbox("set-domain", "yes", "Change the expected domain", None, is_ticked("domain")))
        (field::input("text", &Field {
            name: "domain", label: "Expected domain", value: order.first("domain"), error: of("domain"), max_length: Some(253), autocomplete: Some("off"),
            hint: Some("Where they should land, such as shop.example. Empty: anywhere."), ..Field::default()
        }))
        (field::checkbox("set-parameters", "yes", "Change the required parameters", None, is_ticked("parameters")))
        (field::area(3, &Field {
            name: "parameters", label: "Required parameters", value: order.first("parameters"), error: of("parameters"),
            hint: Some("One a line: a name for any value (gclid), name=value for exactly this one. Empty: none."), ..Field::default()
        }))
    };
    let consequences = html! { p { "What is ticked replaces what was expected of each of these rows. The next check goes by it; what was found before stays as it is." } };
    let title = format!("What is expected of {}?", count(order));
    about(
        signed_in,
        order,
        "expect",
        &About { title: &title, consequences, names_rows: true, takes_away: false, deed: "Save", fields: &[], asks },
    )
}
