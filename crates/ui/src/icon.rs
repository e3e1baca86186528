//! Icons as inline SVG: 16 by 16, drawn with the text's own colour. Each stands beside a word, so it is hidden from
//! readers that speak; an icon that stands alone is named by what it sits in.

use maud::{Markup, PreEscaped, Render, html};

macro_rules! icons {
    ($($(#[$doc:meta])* $name:ident = $shape:literal;)*) => {
        /// One icon.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Icon {
            $($(#[$doc])* $name,)*
        }

        impl Icon {
            /// Every icon.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            const fn shape(self) -> &'static str {
                match self { $(Self::$name => $shape),* }
            }
        }
    };
}

icons! {
    /// Overview.
    Overview = r#"<path d="M2.5 13.5v-4M6.2 13.5v-8M9.8 13.5v-5.500M13.500 13.500v-11"/>"#;
    /// Rows of links.
    Rows = r#"<path d="M2 4h12M2 8h12M2 12h12"/>"#;
    /// Jobs at work.
    Jobs = r#"<path d="M8.800 1.800 3.500 9H7.600l-.4 5.200L12.500 7H8.400z"/>"#;
    /// Devices.
    Devices = r#"<rect x="2" y="2.800" width="12" height="8" rx="1.200"/><path d="M5.500 13.500h5M8 10.800v2.700"/>"#;
    /// API keys.
    Keys = r#"<circle cx="5" cy="11" r="2.800"/><path d="M7 9l6.500-6.500M11 5l2 2"/>"#;
    /// Requests that came in.
    Requests = r#"<path d="M8 2v8M4.800 7 8 10.200 11.200 7M2.500 13.500h11"/>"#;
    /// The audit log.
    Audit = r#"<path d="M4 1.800h6l3 3v9.400H4zM6.500 7h4M6.500 9.500h4M6.500 12h2.500"/>"#;
    /// Settings.
    Settings = r#"<path d="M2 4.500h6M12 4.500h2M2 11.500h2M8 11.500h6"/><circle cx="10" cy="4.500" r="1.800"/><circle cx="6" cy="11.500" r="1.800"/>"#;
    /// Operators: people who sign in.
    People = r#"<circle cx="6" cy="5.200" r="2.500"/><path d="M1.800 13.500c.3-2.600 2-4 4.200-4s3.900 1.400 4.200 4M10.500 3a2.500 2.500 0 0 1 0 4.500M12 9.800c1.300.6 2.100 1.900 2.300 3.700"/>"#;
    /// First steps.
    Start = r#"<path d="M3.500 14V2.200M3.500 3h8.700l-2 3 2 3H3.500"/>"#;
    /// Status at one glance.
    Pulse = r#"<path d="M1.500 8.500h3l2-5.500 3 10 2-4.500h3"/>"#;
    /// Logs.
    Log = r#"<path d="M2.500 3.500 5 6 2.500 8.500M7 8.500h6.500M2.500 12.500h11"/>"#;
    /// Contexts and proxies: what a request looks like.
    Context = r#"<circle cx="8" cy="8" r="6"/><path d="M2 8h12M8 2c2 1.800 2.800 3.800 2.800 6S10 12.200 8 14C6 12.200 5.200 10.200 5.200 8S6 3.800 8 2"/>"#;
    /// The guard and its exceptions.
    Shield = r#"<path d="M8 1.800 13 3.500v4.200c0 3.200-2.100 5.400-5 6.500-2.900-1.100-5-3.300-5-6.500V3.500z"/>"#;
    /// About.
    Info = r#"<circle cx="8" cy="8" r="6"/><path d="M8 7.200v3.600M8 5v.4"/>"#;
    /// All is well.
    Check = r#"<path d="M3 8.500 6.500 12 13 4.500"/>"#;
    /// Broken.
    Cross = r#"<path d="M4 4l8 8M12 4l-8 8"/>"#;
    /// A person should look.
    Eye = r#"<path d="M1.500 8C3 5.200 5.300 3.800 8 3.800S13 5.200 14.500 8C13 10.800 10.700 12.200 8 12.200S3 10.800 1.500 8z"/><circle cx="8" cy="8" r="1.800"/>"#;
    /// Nothing certain.
    Question = r#"<circle cx="8" cy="8" r="6"/><path d="M6.200 6.400c.1-1.100.8-1.700 1.800-1.700s1.800.7 1.800 1.600c0 1.300-1.800 1.300-1.800 2.700M8 11v.3"/>"#;
    /// Left out on purpose.
    Skip = r#"<circle cx="8" cy="8" r="6"/><path d="M4 12l8-8"/>"#;
    /// Waits.
    Clock = r#"<circle cx="8" cy="8" r="6"/><path d="M8 4.500V8l2.500 1.800"/>"#;
    /// At work now.
    Working = r#"<path d="M13.500 8A5.500 5.500 0 1 1 8 2.500"/><path d="M11 2.500h2.500V5"/>"#;
    /// Mind this.
    Warning = r#"<path d="M8 2 14.500 13.500h-13zM8 6.500v3.200M8 11.500v.3"/>"#;
    /// Find.
    Search = r#"<circle cx="7" cy="7" r="4.500"/><path d="m10.500 10.500 3.500 3.500"/>"#;
    /// Narrow down.
    Filter = r#"<path d="M2 3.500h12M4.500 8h7M6.500 12.500h3"/>"#;
    /// Add.
    Plus = r#"<path d="M8 3v10M3 8h10"/>"#;
    /// Take away.
    Trash = r#"<path d="M2.500 4h11M6 4V2.500h4V4M4 4l.7 9.500h6.600L12 4M6.700 7v4M9.300 7v4"/>"#;
    /// Change.
    Edit = r#"<path d="M10.500 2.800 13.200 5.500 5.500 13.200H2.800v-2.700z"/>"#;
    /// Copy.
    Copy = r#"<rect x="5.500" y="5.500" width="8" height="8" rx="1.200"/><path d="M10.500 5.500v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2"/>"#;
    /// Take home.
    Download = r#"<path d="M8 2v7.500M4.800 6.500 8 9.700l3.200-3.200M2.500 11v2.500h11V11"/>"#;
    /// Bring in.
    Upload = r#"<path d="M8 10V2.500M4.800 5.700 8 2.500l3.200 3.200M2.500 11v2.500h11V11"/>"#;
    /// Leads elsewhere.
    Outside = r#"<path d="M9.500 2.500h4v4M13.500 2.500 7.500 8.500M11.500 9v4.500h-9v-9H7"/>"#;
    /// A link.
    Link = r#"<path d="M6.800 9.200a2.600 2.600 0 0 0 3.700 0l2.200-2.200A2.600 2.600 0 0 0 9 3.300l-.8.800M9.200 6.800a2.600 2.600 0 0 0-3.700 0L3.300 9A2.600 2.600 0 0 0 7 12.700l.8-.8"/>"#;
    /// Go on.
    Right = r#"<path d="m6 3 5 5-5 5"/>"#;
    /// Go back.
    Left = r#"<path d="m10 3-5 5 5 5"/>"#;
    /// Opens below; sorted falling.
    Down = r#"<path d="m3.500 6 4.500 4.500L12.500 6"/>"#;
    /// Sorted rising.
    Up = r#"<path d="m3.500 10 4.500-4.500L12.500 10"/>"#;
    /// Can be sorted.
    Sort = r#"<path d="m4.500 6 3.500-3.500L11.500 6M4.500 10l3.500 3.500L11.500 10"/>"#;
    /// More to choose from.
    Menu = r#"<path d="M2 4.500h12M2 8h12M2 11.500h12"/>"#;
    /// Pause.
    Pause = r#"<path d="M5.500 3v10M10.500 3v10"/>"#;
    /// Go on.
    Play = r#"<path d="M4.500 2.800v10.400l8-5.200z"/>"#;
    /// Leave.
    SignOut = r#"<path d="M9.500 2.500h-6v11h6M6.500 8h7.500M11.500 5.500 14 8l-2.500 2.500"/>"#;
    /// By day.
    Sun = r#"<circle cx="8" cy="8" r="2.800"/><path d="M8 1.500v1.300M8 13.200v1.300M1.500 8h1.300M13.200 8h1.300M3.400 3.400l.9.900M11.700 11.700l.9.900M3.400 12.600l.9-.9M11.700 4.300l.9-.9"/>"#;
    /// By night.
    Moon = r#"<path d="M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7z"/>"#;
}

impl Render for Icon {
    fn render(&self) -> Markup {
        html! {
            svg.icon viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" { (PreEscaped(self.shape())) }
        }
    }
}

/// The mark: a fruit, half peeled.
#[must_use]
pub(crate) fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false" {
            circle.mark-fruit cx="11" cy="13" r="4" {}
            path.mark-peel d="M19 13a8 8 0 1 1-8-8c4.500 0 6.500 1.500 9-1.500 1.200 4.500-2 6.500-5 6" {}
        }
    }
}
