/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_metrics.h"

#include "gyre/raft/consensus.h"
#include "gyre/storage/storage.h"

#include "cluster/cluster.h"
#include "handlers/broker.h"

static void write_one(struct metrics_text *text, const char *name, const char *type,
                      const char *help, double value)
{
    metrics_text_family(text, name, type, help);
    metrics_text_sample(text, name, NULL, value);
}

static void write_consensus(const struct broker *broker, struct metrics_text *text)
{
    struct consensus_stats stats;

    consensus_stats(broker->consensus, &stats);
    write_one(text, "gyre_elections_total", "counter", "Elections that this broker began.",
              (double)stats.elections);
    write_one(text, "gyre_consensus_groups", "gauge", "Raft groups with a replica on this broker.",
              (double)stats.groups);
    write_one(text, "gyre_consensus_groups_led", "gauge", "Raft groups that this broker leads.",
              (double)stats.groups_led);
    write_one(text, "gyre_consensus_groups_asleep", "gauge", "Raft groups that are asleep.",
              (double)stats.groups_asleep);
    write_one(text, "gyre_log_truncations_total", "counter",
              "Suffixes that were cut off a log for the leader's.", (double)stats.truncations);
    write_one(text, "gyre_snapshots_taken_total", "counter", "Snapshots taken.",
              (double)stats.snapshots_taken);
    write_one(text, "gyre_snapshots_installed_total", "counter",
              "Snapshots installed from a leader.", (double)stats.snapshots_installed);
    write_one(text, "gyre_replication_throttled_leader_bytes_total", "counter",
              "Bytes sent to throttled replicas that caught up.",
              (double)stats.throttled_given_bytes);
    write_one(text, "gyre_replication_throttled_follower_bytes_total", "counter",
              "Bytes received by throttled replicas here that caught up.",
              (double)stats.throttled_taken_bytes);
    write_one(text, "gyre_malformed_frames_total", "counter",
              "Messages of other brokers that made no sense; each breaks its link.",
              (double)stats.malformed_frames);
}

static void write_region(const struct broker *broker, struct metrics_text *text)
{
    const char *reason;

    write_one(text, "gyre_ready", "gauge", "1 when this broker serves.",
              broker->cluster != NULL && cluster_is_ready(broker->cluster, &reason));
    write_one(text, "gyre_catalog_leader", "gauge", "1 on the broker that leads the catalog.",
              catalog_leads(broker->catalog));
    write_one(text, "gyre_catalog_applied_index", "gauge", "Last command of the catalog seen here.",
              (double)catalog_applied_index(broker->catalog));
    write_one(text, "gyre_catalog_is_stale", "gauge",
              "1 while no leader of the catalog with a quorum was heard for 10 s.",
              catalog_is_stale(broker->catalog, CATALOG_STALE_US));
    write_one(text, "gyre_brokers", "gauge", "Brokers registered in the region.",
              catalog_broker_count(broker->catalog));
    write_one(text, "gyre_brokers_live", "gauge", "Brokers heard of within the peer timeout.",
              broker->cluster == NULL ? 0 : cluster_live_broker_count(broker->cluster));
    write_one(text, "gyre_topics", "gauge", "Topics of the region.",
              catalog_topic_count(broker->catalog));
    write_one(text, "gyre_partitions", "gauge", "Partitions of the region.",
              (double)catalog_partition_count(broker->catalog));
}

static void collect(struct metrics_collector *collector, struct metrics_text *text)
{
    const struct broker *broker = CONTAINER_OF(collector, struct broker_metrics, collector)->broker;

    write_region(broker, text);
    write_consensus(broker, text);
    write_one(text, "gyre_storage_pending_bytes", "gauge",
              "Bytes appended here and not yet durable.",
              (double)storage_pending_bytes(broker->storage));
    write_one(text, "gyre_storage_has_space", "gauge", "0 while the disk is full.",
              storage_has_space(broker->storage, 0));
}

void broker_metrics_start(struct broker_metrics *metrics, const struct broker *broker)
{
    metrics->broker = broker;
    metrics->collector.collect = collect;
    list_init(&metrics->collector.link);
    metrics_add_collector(broker->metrics, &metrics->collector);
}

void broker_metrics_stop(struct broker_metrics *metrics)
{
    list_remove(&metrics->collector.link);
}
