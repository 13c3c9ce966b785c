//! Replaying node: answers JSON-RPC calls about recorded mainnet blocks, to try `zeno` without a network.
//!
//! `cargo run --release -p zeno-tests --example replay-node -- NUMBER... [--proofs]`. With `--proofs` it has no `debug_`
//! methods.

use std::{env, error::Error};
use zeno_tests::{
    mainnet::recorded,
    replay::ReplayNode,
    rpc_server::{Reply, RpcServer},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (options, numbers) =
        env::args().skip(1).partition::<Vec<_>, _>(|argument| argument.starts_with("--"));
    let proofs = options.iter().any(|option| option == "--proofs");
    let recorded = recorded();
    let mut node: Option<ReplayNode> = None;
    for number in numbers {
        let number = number.parse::<u64>()?;
        let record = recorded.iter().find(|record| record.number == number);
        let record = record.ok_or_else(|| format!("block {number} is not recorded"))?;
        node = Some(match node {
            None => ReplayNode::of_record(record),
            Some(node) => node.with_record(record),
        });
    }
    let node = node.ok_or("name a block number")?;
    let server = RpcServer::start(move |call| {
        if proofs && call.method.starts_with("debug_") {
            return Reply::Error(-32601, format!("the method {} does not exist", call.method));
        }
        node.answer(call)
    })
    .await;
    println!("{}", server.url());
    tokio::signal::ctrl_c().await?;
    Ok(())
}
