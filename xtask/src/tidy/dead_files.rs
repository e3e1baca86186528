//! Files that nothing reads: sources outside every module tree, and data (fixtures, SQL, templates, assets) that no
//! source names. They look alive, get mended, and change nothing.

use std::collections::BTreeSet;

use super::Finding;
use crate::metadata::Package;
use crate::repository::{Repository, SourceFile, join};

/// Data that only lives when a source names it.
const DATA_EXTENSIONS: &[&str] = &["sql", "html", "css", "js", "mjs", "svg", "json", "txt"];
/// What may name data.
const NAMING_EXTENSIONS: &[&str] = &["rs", "html", "css", "js", "mjs", "toml"];

pub(super) fn check(repository: &Repository, packages: &[Package]) -> Vec<Finding> {
    let mut findings = dead_sources(repository, packages);
    findings.extend(dead_data(repository));
    findings
}

fn dead_sources(repository: &Repository, packages: &[Package]) -> Vec<Finding> {
    let mut alive = BTreeSet::new();
    for target in packages.iter().flat_map(|package| &package.targets) {
        visit(repository, &target.path, true, &mut alive);
    }
    let in_packages = |file: &&SourceFile| packages.iter().any(|package| file.path.starts_with(&format!("{}/", package.folder)));
    let dead = repository.with_extension("rs").filter(in_packages).filter(|file| !alive.contains(&file.path));
    dead.map(|file| Finding::error(&file.path, "no `mod` leads here, so it is never compiled: declare it, or delete it")).collect()
}

/// Marks `path` and every file that its `mod` and `include!` lines lead to. `owns_folder`: a crate's first file and a
/// `mod.rs` look for their modules beside themselves, any other file in the folder of its own name.
fn visit(repository: &Repository, path: &str, owns_folder: bool, alive: &mut BTreeSet<String>) {
    let Some(file) = repository.file(path) else { return };
    if !alive.insert(path.to_owned()) {
        return;
    }
    let beside = file.folder();
    let below = if owns_folder { beside.to_owned() } else { path.trim_end_matches(".rs").to_owned() };
    let mut renamed: Option<&str> = None;
    for line in file.text().lines().map(str::trim) {
        if let Some(name) = module_name(line) {
            match renamed.take() {
                Some(path) => visit_joined(repository, beside, path, false, alive),
                None => {
                    visit_joined(repository, &below, &format!("{name}.rs"), false, alive);
                    visit_joined(repository, &below, &format!("{name}/mod.rs"), true, alive);
                }
            }
        } else if let Some(path) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            renamed = Some(path);
        } else if let Some((_, rest)) = line.split_once("include!(\"") {
            let path = rest.split('"').next().unwrap_or_default();
            visit_joined(repository, beside, path, false, alive);
        }
    }
}

fn visit_joined(repository: &Repository, folder: &str, path: &str, owns_folder: bool, alive: &mut BTreeSet<String>) {
    if let Some(path) = join(folder, path) {
        visit(repository, &path, owns_folder, alive);
    }
}

/// `name` of `mod name;`, `pub mod name;`, `pub(crate) mod name;`.
fn module_name(line: &str) -> Option<&str> {
    let declaration = line.strip_suffix(';')?;
    let (visibility, name) = declaration.rsplit_once("mod ")?;
    let visibility = visibility.trim_end();
    let declares = visibility.is_empty() || visibility == "pub" || (visibility.starts_with("pub(") && visibility.ends_with(')'));
    (declares && name.chars().all(|c| c.is_alphanumeric() || c == '_')).then_some(name)
}

fn dead_data(repository: &Repository) -> Vec<Finding> {
    let data = repository.files.iter().filter(|file| DATA_EXTENSIONS.contains(&file.extension()));
    let ours = data.filter(|file| file.path.starts_with("crates/") || file.path.starts_with("fixtures/"));
    let dead = ours.filter(|file| !file.path.contains("/tests/snapshots/") && !is_named(repository, file));
    dead.map(|file| Finding::error(&file.path, "no source names this file or its folder: use it in a test or in code, or delete it"))
        .collect()
}

/// Whether some source names the file: by its name, by folder and stem (`"admission/insert_job"` for
/// `admission/insert_job.sqlite.sql`), or by taking in its folder whole (`"../../fixtures/messages"`).
fn is_named(repository: &Repository, file: &SourceFile) -> bool {
    let folder = file.folder().rsplit('/').next().unwrap_or_default();
    let stem = file.name().split('.').next().unwrap_or_default();
    let names = [file.name().to_owned(), format!("{folder}/{stem}\""), format!("/{folder}\""), format!("\"{folder}\"")];
    let naming = repository.files.iter().filter(|other| NAMING_EXTENSIONS.contains(&other.extension()) && other.path != file.path);
    naming.map(SourceFile::text).any(|text| names.iter().any(|name| text.contains(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Target;

    fn dead(files: &[(&str, &str)]) -> Vec<String> {
        let target = Target { name: "a".to_owned(), kind: "lib".to_owned(), path: "crates/a/src/lib.rs".to_owned() };
        let package = Package { room: "a".to_owned(), folder: "crates/a".to_owned(), dependencies: Vec::new(), targets: vec![target] };
        check(&Repository::of(files), &[package]).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn sources_are_alive_when_a_module_leads_to_them() {
        let found = dead(&[
            ("crates/a/src/lib.rs", "mod b;\npub(crate) mod c;\n#[path = \"odd/name.rs\"]\nmod d;\n// mod e;"),
            ("crates/a/src/b.rs", "mod inner;"),
            ("crates/a/src/b/inner.rs", ""),
            ("crates/a/src/c/mod.rs", "pub mod inner;"),
            ("crates/a/src/c/inner.rs", ""),
            ("crates/a/src/odd/name.rs", ""),
            ("crates/a/src/e.rs", ""),
            ("crates/a/src/inner.rs", ""),
        ]);
        assert_eq!(found, ["crates/a/src/e.rs", "crates/a/src/inner.rs"]);
    }

    #[test]
    fn data_is_alive_when_a_source_names_it_or_its_folder() {
        let found = dead(&[
            (
                "crates/a/src/lib.rs",
                "const A: &str = include_str!(\"sql/used.sql\"); statement!(\"sql/stem\"); embed!(\"migrations/sqlite\");",
            ),
            ("crates/a/src/sql/used.sql", ""),
            ("crates/a/src/sql/stem.sqlite.sql", ""),
            ("crates/a/src/sql/unused.sql", ""),
            ("crates/a/migrations/sqlite/V1__begin.sql", ""),
            ("crates/a/migrations/postgres/V1__start.sql", ""),
            ("fixtures/messages/lonely.json", "{}"),
            ("README.md", "lonely.json"),
        ]);
        assert_eq!(found, ["crates/a/src/sql/unused.sql", "crates/a/migrations/postgres/V1__start.sql", "fixtures/messages/lonely.json"]);
    }
}
