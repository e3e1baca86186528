//! What cargo knows about the workspace: its packages, what each names as a dependency, where its targets begin.

use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::repository;
use crate::runner::cargo;

/// One package of the workspace.
pub(crate) struct Package {
    /// The folder's name, which is the room's: `store` for `crates/store`.
    pub(crate) room: String,
    /// From the repository's root: `crates/store`.
    pub(crate) folder: String,
    /// What its manifest names.
    pub(crate) dependencies: Vec<Dependency>,
    /// Where its crates begin.
    pub(crate) targets: Vec<Target>,
}

/// One line of a manifest.
#[derive(Clone)]
pub(crate) struct Dependency {
    /// For a member of the workspace its room, else the crate's own name.
    pub(crate) name: String,
    /// Whether it is a member of the workspace.
    pub(crate) is_room: bool,
    /// Whether only tests, examples and benchmarks see it.
    pub(crate) for_tests: bool,
}

/// One crate of a package.
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: String,
    /// `lib`, `bin`, `test`, `example`, `bench` or `custom-build`.
    pub(crate) kind: String,
    /// Its first file, from the repository's root.
    pub(crate) path: String,
}

/// Asks cargo. Reads manifests only: works offline and takes no lock.
pub(crate) fn packages() -> anyhow::Result<Vec<Package>> {
    let mut command = Command::from(cargo());
    command.args(["metadata", "--format-version", "1", "--no-deps"]);
    let output = command.output().context("could not start cargo")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    read(&serde_json::from_slice(&output.stdout)?)
}

fn read(metadata: &Value) -> anyhow::Result<Vec<Package>> {
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    packages.iter().map(read_package).collect()
}

fn read_package(package: &Value) -> anyhow::Result<Package> {
    let folder = relative(text(&package["manifest_path"])?)?;
    let folder = folder.strip_suffix("/Cargo.toml").context("a package at the root: each has its own folder")?.to_owned();
    let dependencies = package["dependencies"].as_array().context("a package without dependencies")?;
    let targets = package["targets"].as_array().context("a package without targets")?;
    Ok(Package {
        room: folder.rsplit('/').next().unwrap_or(&folder).to_owned(),
        folder,
        dependencies: dependencies.iter().map(read_dependency).collect::<anyhow::Result<_>>()?,
        targets: targets.iter().map(read_target).collect::<anyhow::Result<_>>()?,
    })
}

fn read_dependency(dependency: &Value) -> anyhow::Result<Dependency> {
    let is_room = dependency["path"].is_string();
    let name = match dependency["path"].as_str() {
        Some(path) => path.rsplit('/').next().unwrap_or(path),
        None => text(&dependency["name"])?,
    };
    Ok(Dependency { name: name.to_owned(), is_room, for_tests: dependency["kind"].as_str() == Some("dev") })
}

fn read_target(target: &Value) -> anyhow::Result<Target> {
    Ok(Target {
        name: text(&target["name"])?.to_owned(),
        kind: text(&target["kind"][0])?.to_owned(),
        path: relative(text(&target["src_path"])?)?,
    })
}

fn text(value: &Value) -> anyhow::Result<&str> {
    value.as_str().context("cargo metadata has another shape than expected")
}

fn relative(path: &str) -> anyhow::Result<String> {
    let root = repository::root();
    let relative = std::path::Path::new(path).strip_prefix(&root).with_context(|| format!("{path} lies outside the repository"))?;
    Ok(relative.to_string_lossy().replace('\\', "/"))
}
