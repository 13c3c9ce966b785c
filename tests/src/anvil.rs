//! Anvil, Foundry's development node, as a child process.

use std::{
    env,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};
use zeno_witness_fetch::{Rpc, RpcOptions};

/// Time that anvil has to start.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Finds anvil: `$ZENO_ANVIL`, on the `PATH`, or where npm installs it in `tests/` or `verifier-contract/contracts/`.
pub fn find() -> Option<PathBuf> {
    if let Some(named) = env::var_os("ZENO_ANVIL") {
        return Some(named.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let npm =
        ["tests", "verifier-contract/contracts"].map(|folder| root.join(folder).join("node_modules/.bin"));
    env::split_paths(&path).chain(npm).map(|folder| folder.join("anvil")).find(|program| program.is_file())
}

/// Running anvil, which stops when it is dropped.
#[derive(Debug)]
pub struct Anvil {
    url: String,
    process: Child,
}

impl Anvil {
    /// Starts anvil on a free port, and waits until it listens.
    ///
    /// # Panics
    /// If it doesn't start.
    pub fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut process = Command::new(program)
            .args(["--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let (sender, address) = channel();
        // Anvil blocks if nobody reads its output, so the thread reads all of it.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("Listening on ") {
                    // An error means that nobody waits for the address any more.
                    _ = sender.send(address.to_owned());
                }
            }
        });
        let mut anvil = Self { url: String::new(), process };
        let address = address.recv_timeout(TIMEOUT).expect("anvil prints the address at which it listens");
        anvil.url = format!("http://{address}");
        anvil
    }

    /// URL of the node.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Client of the node, which sends every request once.
    ///
    /// # Panics
    /// If no client can be made.
    pub fn rpc(&self) -> Rpc {
        Rpc::new(&RpcOptions { retries: 0, ..RpcOptions::new(&self.url) }).expect("the URL is valid")
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // The program of the npm package starts another process, so the whole group has to end.
        let group = format!("-{}", self.process.id());
        _ = Command::new("kill").args(["-TERM", "--", &group]).status();
        _ = self.process.wait();
    }
}
