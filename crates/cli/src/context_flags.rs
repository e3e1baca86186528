//! Flags for what a request should look like to the link. The same for a job and for a link that is resolved here.

use clap::{Args, ValueEnum};
use protocol::{Context, DeviceKind, EngineChoice};

use crate::exit::Failure;

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "What the link sees")]
pub(crate) struct ContextFlags {
    /// Which engine follows the chain: `auto` takes the browser only when HTTP cannot know
    #[arg(long, value_name = "ENGINE")]
    engine: Option<Engine>,
    /// Kind of device
    #[arg(long, value_name = "KIND")]
    device: Option<Device>,
    /// User-Agent, word for word
    #[arg(long, value_name = "TEXT")]
    user_agent: Option<String>,
    /// Referer of the first request
    #[arg(long, value_name = "URL")]
    referer: Option<String>,
    /// Accept-Language, such as `de-DE,de;q=0.9`
    #[arg(long, value_name = "TEXT")]
    accept_language: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Engine {
    Auto,
    Http,
    Browser,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Device {
    Desktop,
    Mobile,
}

impl ContextFlags {
    /// As [`Self::context`], for links that no relay checks before they are followed.
    pub(crate) fn checked(&self, proxy: Option<String>) -> Result<Context, Failure> {
        let context = self.context(proxy);
        let flag = |pointer: &str| match pointer {
            "/userAgent" => "--user-agent",
            "/referer" => "--referer",
            "/acceptLanguage" => "--accept-language",
            _ => "--proxy",
        };
        context.check().map_err(|fault| Failure::usage(format!("{}: {}", flag(&fault.pointer), fault.detail)))?;
        Ok(context)
    }

    /// The context, through a proxy of this name.
    pub(crate) fn context(&self, proxy: Option<String>) -> Context {
        Context {
            device: self.device.map(|device| match device {
                Device::Desktop => DeviceKind::Desktop,
                Device::Mobile => DeviceKind::Mobile,
            }),
            user_agent: self.user_agent.clone(),
            referer: self.referer.clone(),
            accept_language: self.accept_language.clone(),
            proxy,
            engine: self.engine.map(|engine| match engine {
                Engine::Auto => EngineChoice::Auto,
                Engine::Http => EngineChoice::Http,
                Engine::Browser => EngineChoice::Browser,
            }),
        }
    }
}
