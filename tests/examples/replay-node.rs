//! Replaying node: answers JSON-RPC calls about a recorded mainnet block, to try `zeno` without a network.
//!
//! `cargo run --release -p zeno-tests --example replay-node -- NUMBER [--proofs]`. With `--proofs` it has no `debug_`
//! methods.

use std::{env, error::Error};
use zeno_tests::{
    mainnet::recorded,
    replay::ReplayNode,
    rpc_server::{Reply, RpcServer},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let number = env::args().nth(1).ok_or("name a block number")?.parse::<u64>()?;
    let proofs = env::args().nth(2).as_deref() == Some("--proofs");
    let record = recorded()
        .into_iter()
        .find(|record| record.number == number)
        .ok_or_else(|| format!("block {number} is not recorded"))?;
    let node = ReplayNode::of_record(&record);
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
