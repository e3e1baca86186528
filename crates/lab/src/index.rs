//! The index page, and the same list as data.

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde::Serialize;

use crate::case::{CASES, Case};
use crate::site::{page as html, typed};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: &'static str,
    group: &'static str,
    path: &'static str,
    description: &'static str,
    expected_domain: Option<&'static str>,
    /// Names, with values where the row asks for one.
    required_parameters: &'static [(&'static str, Option<&'static str>)],
    accepted_path: Option<&'static str>,
    expected: &'static str,
    final_path: Option<&'static str>,
    needs_browser: bool,
}

impl Listed {
    const fn of(case: &Case) -> Self {
        let Case {
            name,
            group,
            path,
            description,
            expected_domain,
            required: required_parameters,
            accepted_path,
            expected,
            final_path,
            needs_browser,
            is_slow: _,
        } = *case;
        let expected = expected.code();
        Self { name, group, path, description, expected_domain, required_parameters, accepted_path, expected, final_path, needs_browser }
    }
}

/// The list as JSON.
pub(crate) fn data() -> Response<Full<Bytes>> {
    let listed: Vec<Listed> = CASES.iter().map(Listed::of).collect();
    // Plain strings always serialise.
    typed(200, "application/json", &serde_json::to_string_pretty(&listed).unwrap_or_default())
}

/// The list for people.
pub(crate) fn page() -> Response<Full<Bytes>> {
    let mut cases = String::new();
    let mut group = "";
    for case in CASES {
        if case.group != group {
            if !group.is_empty() {
                cases.push_str("</tbody></table>\n");
            }
            group = case.group;
            cases.push_str(&format!(
                "<h2>{group}</h2>\n<table><thead><tr><th scope=\"col\">Link</th><th scope=\"col\">What it does</th><th scope=\"col\">Conclusion</th></tr></thead><tbody>\n"
            ));
        }
        let path = escaped(case.path);
        let note = if case.needs_browser { ", needs a browser" } else { "" };
        cases.push_str(&format!(
            "<tr id=\"{}\"><td><a href=\"{path}\"><code>{path}</code></a></td><td>{}</td><td><code>{}</code>{note}</td></tr>\n",
            case.name,
            escaped(case.description),
            case.expected.code(),
        ));
    }
    cases.push_str("</tbody></table>");
    html(200, &include_str!("pages/index.html").replace("{{cases}}", &cases))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
