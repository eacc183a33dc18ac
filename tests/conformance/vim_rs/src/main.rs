//! Reads every event of a vCenter by vim_rs, whose authors run it on real ones, and prints each as a line of JSON: what
//! vim_rs read into its own types, written out again. The first line has the release that both sides agreed on.
//!
//! VIM_SERVER is the host and the port; the account stands in VIM_USERNAME and VIM_PASSWORD.

use std::env::var;
use std::error::Error;

use vim_rs::core::client::ClientBuilder;
use vim_rs::mo::{EventHistoryCollector, EventManager, ServiceInstance};
use vim_rs::types::structs::EventFilterSpec;

const PAGE: i32 = 100;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = ClientBuilder::new(&var("VIM_SERVER")?)
        .insecure(true)
        .basic_authn(&var("VIM_USERNAME")?, &var("VIM_PASSWORD")?)
        .app_details("read-events", "0")
        .build()
        .await?;
    println!("{}", client.api_release());
    ServiceInstance::new(client.clone(), "ServiceInstance").current_time().await?;

    let manager = client.service_content().event_manager.clone().ok_or("no event manager")?;
    let manager = EventManager::new(client.clone(), &manager.value);
    let made = manager.create_collector_for_events(&everything()).await?;
    let collector = EventHistoryCollector::new(client.clone(), &made.value);
    collector.set_collector_page_size(PAGE).await?;
    while let Some(events) = collector.read_next_events(PAGE).await?.filter(|page| !page.is_empty()) {
        for event in &events {
            println!("{}", miniserde::json::to_string(event));
        }
    }
    let latest = collector.latest_page().await?.ok_or("no latest page")?;
    println!("{}", latest.len());
    collector.destroy_collector().await?;
    client.close().await?;
    Ok(())
}

fn everything() -> EventFilterSpec {
    EventFilterSpec {
        entity: None,
        time: None,
        user_name: None,
        event_chain_id: None,
        alarm: None,
        scheduled_task: None,
        disable_full_message: Some(false),
        category: None,
        r#type: None,
        tag: None,
        event_type_id: None,
        max_count: None,
        delayed_init: None,
        auditable: None,
        audit_id: None,
    }
}
