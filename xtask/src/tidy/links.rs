//! Links between our own documents: the file must exist, and the heading that a fragment names, too.

use super::Finding;
use crate::repository::{Repository, SourceFile, join};

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    repository.with_extension("md").flat_map(|file| check_file(repository, file)).collect()
}

fn check_file(repository: &Repository, file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line_number, line) in prose_lines(file.text()) {
        for target in targets(line).filter(|target| !is_elsewhere(target)) {
            if let Some(message) = broken(repository, file, target) {
                findings.push(Finding::error(format!("{}:{line_number}", file.path), message));
            }
        }
    }
    findings
}

fn broken(repository: &Repository, file: &SourceFile, target: &str) -> Option<String> {
    let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { Some(file.path.clone()) } else { join(file.folder(), path) };
    let Some(path) = path.filter(|path| repository.has(path)) else {
        return Some(format!("links to `{target}`, which is not there: paths are relative to the file that links"));
    };
    let heading_is_there = || repository.file(&path).is_some_and(|file| headings(file.text()).any(|heading| heading == fragment));
    (!fragment.is_empty() && path.ends_with(".md") && !heading_is_there())
        .then(|| format!("links to `{target}`, but `{path}` has no heading that reads so"))
}

fn is_elsewhere(target: &str) -> bool {
    ["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme))
}

/// The lines outside code fences.
fn prose_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            return None;
        }
        (!in_code).then_some((index + 1, line))
    })
}

/// `target` of each `](target)` outside inline code.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').step_by(2).flat_map(|prose| prose.split("](").skip(1)).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// The headings of a document, as fragments of links to them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose_lines(text).filter(|(_, line)| line.starts_with('#')).map(|(_, line)| fragment_of(line.trim_start_matches('#').trim()))
}

fn fragment_of(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken_links(text: &str) -> usize {
        let repository = Repository::of(&[
            ("docs/a.md", text),
            ("README.md", ""),
            ("docs/b.md", "# Signed requests, in `bytes`\n"),
            ("docs/adr/0001.md", ""),
        ]);
        check(&repository).len()
    }

    #[test]
    fn links_lead_to_files_folders_and_headings() {
        assert_eq!(broken_links("[r](../README.md) [d](adr) [b](b.md#signed-requests-in-bytes) [x](https://x.example/no.md)"), 0);
        assert_eq!(broken_links("[r](README.md)"), 1);
        assert_eq!(broken_links("[b](b.md#unsigned) and [o](../../outside.md)"), 2);
        assert_eq!(broken_links("# Here\n[h](#here) [t](#there)"), 1);
    }

    #[test]
    fn code_is_not_prose() {
        assert_eq!(broken_links("```\n[r](gone.md)\n```\n`[r](gone.md)`"), 0);
    }
}
