//! Evidence beside the results: an HTTP Archive of all chains, and pictures of the pages where they end.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use protocol::JobResult;
use protocol::har::HarWriter;
use resolver::{PictureFormat, Screenshot, Screenshots};

use crate::exit::Failure;

/// Characters of a host in a picture's name.
const HOST_CHARS: usize = 60;

/// Where evidence goes.
pub(crate) struct Evidence {
    har: Option<(PathBuf, HarWriter<BufWriter<File>>)>,
    pictures: Option<Pictures>,
    written: usize,
}

/// Where pictures go.
#[derive(Clone, Debug)]
pub(crate) enum Pictures {
    /// The one picture of the one link.
    File(PathBuf),
    /// A picture a link, numbered in the order in which they are there.
    Folder(PathBuf),
}

impl Pictures {
    /// A file for one link, unless the path is a folder or ends like one.
    pub(crate) fn at(path: &Path, is_one_link: bool) -> Result<Self, Failure> {
        let is_folder = path.is_dir() || path.as_os_str().to_string_lossy().ends_with(std::path::MAIN_SEPARATOR);
        if is_folder || (!is_one_link && path.extension().is_none()) {
            fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
            return Ok(Self::Folder(path.to_owned()));
        }
        if !is_one_link {
            return Err(Failure::usage(format!("--screenshot {}: several links need a folder", path.display())));
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("webp" | "png") => Ok(Self::File(path.to_owned())),
            _ => Err(Failure::usage(format!("--screenshot {}: a file ends in .webp or .png, a folder in a slash", path.display()))),
        }
    }

    /// What the browser is asked for.
    pub(crate) fn wanted(&self) -> Screenshots {
        let is_png = matches!(self, Self::File(path) if path.extension().is_some_and(|extension| extension == "png"));
        Screenshots::Full(if is_png { PictureFormat::Png } else { PictureFormat::WebP })
    }
}

impl Evidence {
    pub(crate) fn new(har: Option<&Path>, pictures: Option<Pictures>) -> Result<Self, Failure> {
        let har = har
            .map(|path| {
                let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
                let writer = HarWriter::new(BufWriter::new(file)).with_context(|| path.display().to_string())?;
                Ok::<_, Failure>((path.to_owned(), writer))
            })
            .transpose()?;
        Ok(Self { har, pictures, written: 0 })
    }

    /// Keeps the evidence of one link; where its picture went, if there is one.
    pub(crate) fn add(&mut self, url: &str, result: &JobResult, picture: Option<&Screenshot>) -> Result<Option<PathBuf>, Failure> {
        self.written += 1;
        if let Some((path, har)) = &mut self.har {
            har.add(url, result).with_context(|| path.display().to_string())?;
        }
        let (Some(pictures), Some(Screenshot(bytes))) = (&self.pictures, picture) else { return Ok(None) };
        let path = match pictures {
            Pictures::File(path) => path.clone(),
            Pictures::Folder(folder) => folder.join(name(self.written, result)),
        };
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Some(path))
    }

    /// Ends the archive.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        if let Some((path, har)) = self.har {
            har.finish().with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

/// `0007-shop.example.webp`: nothing of a link but its host, and of that only what every file system takes.
fn name(number: usize, result: &JobResult) -> String {
    let host = result.final_url.as_deref().and_then(|url| url::Url::parse(url).ok());
    let host: String = (host.as_ref().and_then(url::Url::host_str).unwrap_or("page").chars().take(HOST_CHARS))
        .map(|character| if character.is_ascii_alphanumeric() || matches!(character, '.' | '-') { character } else { '_' })
        .collect();
    format!("{number:04}-{host}.webp")
}

#[cfg(test)]
mod tests {
    use protocol::UnixMillis;

    use super::*;

    #[test]
    fn a_file_is_for_one_link_and_a_folder_for_many() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str, is_one| Pictures::at(&folder.path().join(path), is_one);
        assert!(matches!(at("a.webp", true), Ok(Pictures::File(_))));
        assert_eq!(at("a.png", true).unwrap().wanted(), Screenshots::Full(PictureFormat::Png));
        assert!(matches!(at("shots/", true), Ok(Pictures::Folder(_))));
        assert!(matches!(at("shots", false), Ok(Pictures::Folder(_))));
        assert!(matches!(at("a.webp", false), Err(Failure::Usage(_))));
        assert!(matches!(at("a.gif", true), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_name_has_nothing_of_a_link_but_its_host() {
        let result = |url: &str| JobResult { final_url: Some(url.to_owned()), ..JobResult::not_executed("x", UnixMillis(0)) };
        assert_eq!(name(7, &result("https://shop.example/../../etc?x=1")), "0007-shop.example.webp");
        assert_eq!(name(1, &result("http://[::1]:80/")), "0001-___1_.webp");
        assert_eq!(name(1, &JobResult::not_executed("x", UnixMillis(0))), "0001-page.webp");
    }
}
