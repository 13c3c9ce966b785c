//! Flags and variables for the options of the verbs.

use zeno_pipeline::setting::Setting;

/// The flags of an option, and the variable that may stand for them.
fn names(setting: Setting) -> &'static str {
    match setting {
        Setting::AllowUnknownSrs => "--allow-unknown-srs",
        Setting::AnyRules => "--any-rules",
        Setting::Block => "--block",
        Setting::CacheDir => "--cache-dir or ZENO_CACHE_DIR",
        Setting::Chain => "--chain",
        Setting::ChainId => "--chain-id",
        Setting::Contract => "--contract",
        Setting::Follow => "--follow",
        Setting::KeyDigest => "--key-digest",
        Setting::Keys => "--keys",
        Setting::MaxCost => "--max-cost",
        Setting::MaxPriorityFee => "--max-priority-fee",
        Setting::Node => "--rpc-url or ETH_RPC_URL",
        Setting::Out => "--out",
        Setting::PasswordFile => "--password-file",
        Setting::ReplacePending => "--replace-pending",
        Setting::Signer => "--keystore or --key-file",
        Setting::TrustContract => "--trust-contract",
        Setting::TrustedBlock => "--trusted-block",
    }
}

/// The end of a sentence about an error: the flags of the options that it is about, in brackets.
pub(crate) fn hint(settings: &[Setting]) -> String {
    let mut named: Vec<_> = settings.iter().copied().map(names).collect();
    named.sort_unstable();
    named.dedup();
    if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::{Command, CommandFactory};
    use strum::VariantArray;

    /// The flags of a command and of those below it, without their dashes.
    fn flags(command: &Command) -> Vec<String> {
        let own = command.get_arguments().filter_map(|argument| argument.get_long().map(str::to_owned));
        own.chain(command.get_subcommands().flat_map(flags)).collect()
    }

    #[test]
    fn a_hint_names_flags_that_exist() {
        let known = flags(&Cli::command());
        for flag in Setting::VARIANTS.iter().flat_map(|setting| names(*setting).split(' ')) {
            if let Some(name) = flag.strip_prefix("--") {
                assert!(known.iter().any(|known| known == name), "{flag}");
            }
        }
    }

    #[test]
    fn a_hint_names_each_flag_once() {
        assert_eq!(hint(&[]), "");
        let settings = [Setting::Keys, Setting::KeyDigest, Setting::Keys];
        assert_eq!(hint(&settings), " (--key-digest, --keys)");
    }
}
