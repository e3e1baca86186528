//! Files that have grown past what one can read in one sitting.

use super::Finding;
use crate::repository::Repository;

/// Lines from which a file is worth a second look: twice what most of ours need.
const WARN_LINES: usize = 500;
/// Lines from which a file must be taken apart.
const FAIL_LINES: usize = 700;

/// Files that may be longer, each with its reason.
const LONG_FOR_A_REASON: &[(&str, &str)] = &[];

const EXTENSIONS: &[&str] = &["rs", "js", "mjs", "css", "html", "sql"];

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let ours = repository.files.iter().filter(|file| EXTENSIONS.contains(&file.extension()) && !file.path.contains("/vendor/"));
    let mut findings = Vec::new();
    for file in ours {
        let lines = file.text().lines().count();
        if lines <= WARN_LINES || LONG_FOR_A_REASON.iter().any(|(path, _)| *path == file.path) {
            continue;
        }
        let advice = "a file that answers two questions wants to be two files: name the second idea and give it its own room";
        let message = format!("{lines} lines; {advice} (from {FAIL_LINES} lines on this fails, unless `sizes.rs` gives a reason)");
        findings.push(if lines > FAIL_LINES { Finding::error(&file.path, message) } else { Finding::warning(&file.path, message) });
    }
    for (path, _) in LONG_FOR_A_REASON.iter().filter(|(path, _)| !repository.has(path)) {
        findings.push(Finding::error(*path, "is excused in `sizes.rs` but does not exist"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(path: &str, lines: usize) -> Option<bool> {
        let repository = Repository::of(&[(path, &"x\n".repeat(lines))]);
        check(&repository).pop().map(|finding| finding == Finding::error(path, finding.message.clone()))
    }

    #[test]
    fn long_files_warn_and_very_long_ones_fail() {
        assert_eq!(verdict("crates/a/src/lib.rs", 500), None);
        assert_eq!(verdict("crates/a/src/lib.rs", 501), Some(false));
        assert_eq!(verdict("crates/a/src/lib.rs", 701), Some(true));
        assert_eq!(verdict("docs/protocol.md", 2_000), None);
        assert_eq!(verdict("crates/ui/assets/vendor/htmx.js", 4_000), None);
    }
}
