//! Words that must not stand in the repository: paths of one person's machine, hosts that packages were fetched
//! through, and, in documents, words that the glossary has another word for.

use super::Finding;
use crate::repository::{Repository, SourceFile};

/// Paths that exist on one machine only. Written in two halves, so that this file is not its own finding.
const MACHINE_PATHS: &[&str] = &[concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/home", "/"), concat!("/Use", "rs/")];

/// Where packages come from, and nowhere else: a lock file with another host works on one network only.
const REGISTRIES: &[(&str, &str, &str)] = &[
    ("Cargo.lock", "source = ", "registry+https://github.com/rust-lang/crates.io-index"),
    ("package-lock.json", "\"resolved\": ", "https://registry.npmjs.org/"),
];

/// Word in documents, and the glossary's word for the same thing. Only words that have no other honest use.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("tenant", "account"),
    ("visibility timeout", "lease"),
    ("dedupe key", "idempotency key"),
    ("deduplication key", "idempotency key"),
    ("api token", "API key"),
    ("landing url", "final URL"),
    ("original url", "tracking URL"),
    ("mock server", "lab"),
    ("fixture server", "lab"),
    ("job queue server", "relay"),
    ("worker machine", "desktop"),
];

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings: Vec<Finding> = repository.files.iter().flat_map(machine_paths).collect();
    findings.extend(repository.files.iter().flat_map(registries));
    findings.extend(repository.with_extension("md").filter(|file| file.name() != "glossary.md").flat_map(other_words));
    findings
}

fn machine_paths(file: &SourceFile) -> Vec<Finding> {
    find(file, |line| {
        let path = MACHINE_PATHS.iter().find(|path| begins_a_path(line, path))?;
        Some(format!("`{path}…` is a path of one machine: use a relative path, or one that is passed in"))
    })
}

/// Whether the path stands in the line as an absolute one, not in the middle of a URL or a longer path.
fn begins_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '~')))
}

fn registries(file: &SourceFile) -> Vec<Finding> {
    let Some((_, member, registry)) = REGISTRIES.iter().find(|(name, ..)| *name == file.name()) else { return Vec::new() };
    find(file, |line| {
        let source = line.trim().strip_prefix(member)?.trim_start_matches('"');
        (!source.starts_with(registry)).then(|| format!("comes from another place than {registry}: others cannot fetch it from there"))
    })
}

fn other_words(file: &SourceFile) -> Vec<Finding> {
    find(file, |line| {
        let line = line.to_ascii_lowercase();
        let (word, ours) = OTHER_WORDS.iter().find(|(word, _)| line.contains(word))?;
        Some(format!("says \"{word}\" where the glossary says \"{ours}\": one word for one thing (`docs/glossary.md`)"))
    })
}

fn find(file: &SourceFile, complaint: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let lines = file.text().lines().enumerate();
    lines.filter_map(|(index, line)| Some(Finding::error(format!("{}:{}", file.path, index + 1), complaint(line)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> usize {
        check(&Repository::of(&[(path, text)])).len()
    }

    #[test]
    fn paths_of_one_machine_are_found_and_urls_are_left_alone() {
        assert_eq!(complaints("crates/a/src/lib.rs", concat!("let path = \"/ro", "ot/x\";")), 1);
        assert_eq!(complaints("docs/a.md", concat!("see https://x.example/ho", "me/page")), 0);
    }

    #[test]
    fn packages_come_from_the_public_registry() {
        assert_eq!(complaints("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\""), 0);
        assert_eq!(complaints("Cargo.lock", "source = \"registry+https://mirror.example/index\""), 1);
        assert_eq!(complaints("e2e/package-lock.json", "  \"resolved\": \"https://mirror.example/x.tgz\","), 1);
    }

    #[test]
    fn documents_speak_in_the_words_of_the_glossary() {
        assert_eq!(complaints("docs/a.md", "each tenant has"), 1);
        assert_eq!(complaints("docs/glossary.md", "account, not tenant"), 0);
    }
}
