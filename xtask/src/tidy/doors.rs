//! Where inside its room a power is used. A manifest says that a room may; this says in which files, so that the way
//! out to the network, into HTTP pages and to the signing key each stays in one place that can be read in one sitting.

use super::Finding;
use crate::repository::{Repository, SourceFile};

/// A text in code, and the files that may hold it.
struct Door {
    /// Whole words of code, any of them.
    words: &'static [&'static str],
    /// Beginnings of the paths where they are at home.
    at_home: &'static [&'static str],
    why: &'static str,
}

const DOORS: &[Door] = &[
    Door {
        words: &["axum::"],
        at_home: &["crates/relay/src/", "crates/lab/src/", "crates/ui/src/", "crates/desktop/src/ui"],
        why: "only the relay, the lab and `ui` folders speak axum: the rest of a room is usable without a page",
    },
    Door {
        words: &["reqwest::"],
        at_home: &["crates/desktop/src/relay_client", "crates/relay/src/console/oidc/outward.rs", "crates/cli/src/"],
        why: "the desktop calls out to the relay from its relay client alone, the relay to nobody but the OpenID providers that its \
              operator has named; links are followed by the resolver, through the guard",
    },
    Door {
        words: &["hyper::client::", "hyper_util::client::", "TcpStream::connect", "UdpSocket::", "lookup_host"],
        at_home: &["crates/resolver/src/", "crates/bench/src/"],
        why: "only the resolver dials, and only addresses that its guard has checked (`CheckedAddr`)",
    },
    Door {
        words: &["hmac::"],
        at_home: &["crates/protocol/src/signature/"],
        why: "only `protocol::signature` names HMAC: one place decides which bytes are signed, and compares in constant time",
    },
    Door {
        words: &["std::process::exit", "process::exit("],
        at_home: &["crates/cli/src/"],
        why: "a library that ends the process takes its caller's clean-up with it: return an error",
    },
];

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let sources = repository.with_extension("rs").filter(|file| file.path.starts_with("crates/") && !is_test_file(file));
    sources.flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line_number, line) in code_lines(file.text()) {
        for door in DOORS.iter().filter(|door| !door.at_home.iter().any(|home| file.path.starts_with(home))) {
            if let Some(word) = door.words.iter().find(|word| names(line, word)) {
                let word = word.trim_end_matches([':', '(']);
                findings.push(Finding::error(format!("{}:{line_number}", file.path), format!("`{word}` here: {}", door.why)));
            }
        }
    }
    findings
}

/// Whether `word` stands in `line` on its own, not as the end of a longer name.
pub(super) fn names(line: &str, word: &str) -> bool {
    let begins_a_name = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| begins_a_name(at))
}

/// Whether the whole file is test code.
pub(super) fn is_test_file(file: &SourceFile) -> bool {
    file.path.starts_with("crates/testkit/")
        || file.path.contains("/tests/")
        || file.path.contains("/benches/")
        || matches!(file.name(), "tests.rs" | "vectors.rs")
}

/// Line numbers and lines of a file's code: no comments, and nothing from its test module on, which ours end with.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines.take_while(|(_, line)| line.trim() != "#[cfg(test)]").filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> usize {
        check(&Repository::of(&[(path, text)])).len()
    }

    #[test]
    fn a_power_is_used_at_its_door_alone() {
        assert_eq!(complaints("crates/desktop/src/relay_client.rs", "use reqwest::Client;"), 0);
        assert_eq!(complaints("crates/desktop/src/pull.rs", "use reqwest::Client;"), 1);
        assert_eq!(complaints("crates/desktop/src/ui/pages.rs", "use axum::Router;"), 0);
        assert_eq!(complaints("crates/desktop/src/pull.rs", "use axum::Router;"), 1);
        assert_eq!(complaints("crates/relay/src/console/oidc/outward.rs", "use reqwest::Client;"), 0);
        assert_eq!(complaints("crates/relay/src/console/oidc/keys.rs", "use reqwest::Client;"), 1);
        assert_eq!(complaints("crates/relay/src/wake.rs", "let s = TcpStream::connect(addr).await?;"), 1);
    }

    #[test]
    fn tests_and_comments_are_free() {
        assert_eq!(
            complaints("crates/relay/src/a.rs", "/// like reqwest::get\nfn a() {}\n#[cfg(test)]\nmod tests { use reqwest::get; }"),
            0
        );
        assert_eq!(complaints("crates/relay/tests/http/pull.rs", "use reqwest::Client;"), 0);
    }

    #[test]
    fn a_longer_name_is_another_name() {
        assert_eq!(complaints("crates/store/src/a.rs", "use my_hmac::x;"), 0);
        assert_eq!(complaints("crates/store/src/a.rs", "use hmac::x;"), 1);
    }
}
