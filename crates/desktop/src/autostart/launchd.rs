//! A launch agent of macOS: a property list in the user's own folder, which launchd reads at login.

use std::fs;
use std::io;
use std::path::Path;

use super::State;

const LABEL: &str = "link-peeler.desktop";
pub(super) const FILE: &str = "link-peeler.desktop.plist";

/// The property list. `SuccessfulExit` false: it is started again after a crash, not after it was stopped.
pub(super) fn agent(words: &[&str]) -> String {
    let arguments = words.iter().map(|word| format!("    <string>{}</string>\n", escaped(word))).collect::<String>();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n<dict>\n  <key>Label</key>\n  <string>{LABEL}</string>\n  <key>ProgramArguments</key>\n  <array>\n\
         {arguments}  </array>\n  <key>RunAtLoad</key>\n  <true/>\n  <key>KeepAlive</key>\n  <dict>\n    <key>SuccessfulExit</key>\n    \
         <false/>\n  </dict>\n  <key>ProcessType</key>\n  <string>Background</string>\n</dict>\n</plist>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub(super) fn state(folder: &Path, wanted: &str) -> io::Result<State> {
    super::file_state(&folder.join(FILE), wanted)
}

pub(super) fn write(folder: &Path, agent: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(FILE), agent)
}

pub(super) fn remove(folder: &Path) -> io::Result<()> {
    super::remove_file(&folder.join(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_property_list_holds_each_word_as_it_is() {
        let agent = agent(&["/Applications/Link Peeler", "desktop", "--name", "<a & b>"]);
        assert!(agent.contains("    <string>/Applications/Link Peeler</string>\n    <string>desktop</string>\n"), "{agent}");
        assert!(agent.contains("<string>&lt;a &amp; b&gt;</string>"));
        assert!(!agent.contains("\n    \n") && agent.ends_with("</dict>\n</plist>\n"));
    }
}
