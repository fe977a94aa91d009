//! The MCP door: both revisions over HTTP and stdio, as clients see it. What stands behind the tools is tested behind them.

mod calls;
mod changes;
mod client;
mod handles;
mod listing;
mod older;
mod stdio;
mod tasks;
mod ways;
mod wrong;
