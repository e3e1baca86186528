//! Finds secrets wherever they lie and however they are written: plain, in base64 (both alphabets, at each of the three
//! places where a byte may fall), in hexadecimal, or URL-encoded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;
use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};

/// Characters below which a writing proves nothing: it would be found anywhere.
const LEAST: usize = 8;

/// The secrets of a story, each with its name.
#[derive(Default)]
pub(crate) struct Canaries(BTreeMap<String, Vec<u8>>);

/// A secret that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    /// Its name.
    pub(crate) canary: String,
    /// In which file, process or answer.
    pub(crate) place: String,
    /// How it is written there.
    pub(crate) writing: &'static str,
}

/// Looks for every secret at once.
pub(crate) struct Search {
    automaton: AhoCorasick,
    patterns: Vec<(String, &'static str)>,
}

impl Canaries {
    pub(crate) fn add(&mut self, name: &str, secret: &str) {
        self.add_bytes(name, secret.as_bytes());
    }

    pub(crate) fn add_bytes(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= LEAST, "{name} is too short to be looked for");
        assert!(self.0.insert(name.to_owned(), secret.to_vec()).is_none(), "{name} twice");
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn search(&self) -> Search {
        let mut patterns = Vec::new();
        let mut texts = Vec::new();
        for (name, secret) in &self.0 {
            for (writing, text) in writings(secret) {
                patterns.push((name.clone(), writing));
                texts.push(text);
            }
        }
        Search { automaton: AhoCorasick::new(&texts).unwrap(), patterns }
    }
}

/// Every way to write some bytes down that is looked for.
fn writings(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut writings = vec![
        ("plain", secret.to_vec()),
        ("hexadecimal", HEXLOWER.encode(secret).into_bytes()),
        ("hexadecimal, large", HEXUPPER.encode(secret).into_bytes()),
    ];
    for (name, encoding) in [("base64", &BASE64), ("base64 of URLs", &BASE64URL)] {
        for before in 0..3 {
            // What stands before shifts the bits; characters that share bits with a neighbour are left off.
            let padded = [vec![0; before], secret.to_vec()].concat();
            let text = encoding.encode(&padded);
            let (first, whole) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
            writings.push((name, text.as_bytes()[first..whole].to_vec()));
        }
    }
    let escape = |byte: &u8, is_plain: bool| if is_plain { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    for keep in [|byte: &u8| byte.is_ascii_alphanumeric(), |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte)] {
        let encoded: String = secret.iter().map(|byte| escape(byte, keep(byte))).collect();
        writings.push(("URL-encoded", encoded.to_lowercase().into_bytes()));
        writings.push(("URL-encoded", encoded.into_bytes()));
    }
    // A text that only has letters looks the same in small letters, and is then another.
    let mut seen = Vec::new();
    writings.retain(|(name, text)| {
        let is_new = text.len() >= LEAST && !seen.contains(text) && (*name != "URL-encoded" || text.contains(&b'%'));
        seen.push(text.clone());
        is_new
    });
    writings
}

impl Search {
    /// What is found in these bytes.
    pub(crate) fn bytes(&self, place: &str, bytes: &[u8]) -> Vec<Hit> {
        let mut hits: Vec<Hit> =
            self.automaton.find_overlapping_iter(bytes).map(|found| self.hit(place, found.pattern().as_usize())).collect();
        hits.sort();
        hits.dedup();
        hits
    }

    /// What is found in a file, or in every file of a folder.
    pub(crate) fn files(&self, path: &Path) -> Vec<Hit> {
        let mut hits = Vec::new();
        for file in files(path) {
            // What has gone meanwhile holds nothing.
            let Ok(bytes) = std::fs::read(&file) else { continue };
            hits.extend(self.bytes(&file.display().to_string(), &bytes));
        }
        hits
    }

    fn hit(&self, place: &str, pattern: usize) -> Hit {
        let (canary, writing) = &self.patterns[pattern];
        Hit { canary: canary.clone(), place: place.to_owned(), writing }
    }
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter(|entry| !entry.file_type().is_ok_and(|kind| kind.is_symlink())).flat_map(|entry| files(&entry.path())).collect()
}

#[test]
fn a_secret_is_found_however_it_is_written() {
    let secret = "Zx/9?canary+of-the_test";
    let mut canaries = Canaries::default();
    canaries.add("it", secret);
    let search = canaries.search();
    let found = |text: &[u8]| search.bytes("here", text).into_iter().map(|hit| hit.writing).collect::<Vec<_>>();
    assert_eq!(found(format!("a {secret} b").as_bytes()), ["plain"]);
    assert_eq!(found(HEXLOWER.encode(format!("..{secret}..").as_bytes()).as_bytes()), ["hexadecimal"]);
    for before in ["", "a", "ab", "abc", "abcd"] {
        for after in ["", "x", "xy"] {
            let text = format!("{before}{secret}{after}");
            assert!(!found(BASE64.encode(text.as_bytes()).as_bytes()).is_empty(), "{text}");
            assert!(!found(BASE64URL.encode(text.as_bytes()).as_bytes()).is_empty(), "{text}");
        }
    }
    assert_eq!(found(b"x=Zx%2F9%3Fcanary%2Bof-the_test&"), ["URL-encoded"]);
    assert_eq!(found(b"x=Zx%2F9%3Fcanary%2Bof%2Dthe%5Ftest&"), ["URL-encoded"]);
    assert_eq!(found(b"Zx/9?canary of the test"), Vec::<&str>::new());
}
