//! `GET /problems/{code}`: the page behind a problem's `type`. What happened, why it usually does, what to do, and what
//! the problem looks like. The list is closed: a new code does not compile before it has its page.

mod example;
mod texts;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::{ProblemCode, RequestId};
use ui::document::{Page, Site, bare};
use ui::{card, code, html};

use crate::path::PathParts;
use crate::problem::Refusal;
use crate::state::Shared;

/// What a page says.
pub(super) struct Help {
    /// What has happened, in a sentence or two.
    happened: &'static str,
    /// Why it usually does, the likeliest first.
    causes: &'static [&'static str],
    /// What to do, in this order.
    steps: &'static [&'static str],
}

/// The page of one code.
pub(crate) async fn problem_page(State(state): State<Shared>, PathParts(code): PathParts<String>) -> Response {
    let Some(code) = ProblemCode::ALL.iter().copied().find(|known| known.as_str() == code) else {
        return Refusal::NotFound.into_response();
    };
    let Help { happened, causes, steps } = texts::help(code);
    let problem = example::of(code).problem(&state.public_url, RequestId::new(example::NOW, [0; 10]));
    let example = format!("HTTP/1.1 {}\nContent-Type: application/problem+json\n\n{}", code.status(), pretty(&problem));
    let about = format!("Code {code}, status {}", code.status());
    let content = html! {
        (ui::header::page_header(code.title(), Some(&about), &html! { a href="/docs" { "API reference" } }))
        p { (happened) }
        (card::card("Why it usually happens", &html! {}, &html! { ul { @for cause in causes { li { (cause) } } } }))
        (card::card("What to do", &html! {}, &html! {
            ol { @for step in steps { li { (step) } } }
            p { "The answer's " code { "detail" } " says what is wrong in the request at hand; " code { "requestId" } " names that one request in the relay's log." }
        }))
        (card::card("What it looks like", &html! {}, &code::block("example", "Example of the problem", &example)))
    };
    let site = Site { name: "API", home: "/docs", ..Site::default() };
    let page = Page { title: code.title(), here: "/docs", ..Page::default() };
    ui::response::page(StatusCode::OK, bare(&site, &page, content)).into_response()
}

fn pretty(problem: &protocol::Problem) -> String {
    serde_json::to_string_pretty(problem).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_says_why_and_what_to_do_in_whole_sentences() {
        for code in ProblemCode::ALL.iter().copied() {
            let Help { happened, causes, steps } = texts::help(code);
            assert!(!causes.is_empty() && !steps.is_empty(), "{code}");
            for sentence in [happened].iter().chain(causes).chain(steps) {
                assert!(sentence.ends_with('.') && sentence.len() > 15, "{code}: {sentence}");
            }
        }
    }

    #[test]
    fn every_example_is_of_its_own_code() {
        for code in ProblemCode::ALL.iter().copied() {
            assert_eq!(example::of(code).code(), code);
        }
    }
}
