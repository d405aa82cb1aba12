/* SPDX-License-Identifier: Apache-2.0 */
/* gyre, the one command for people. It speaks Kafka's protocol and has no back door. */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

static const struct command groups[] = {
    {"topic", "create, list, describe, alter and delete topics", topic_command},
    {"group", "list, describe and delete consumer groups", group_command},
    {"user", "users and their passwords", user_command},
    {"acl", "who may do what: grant, revoke, list, matrix, test", acl_command},
    {"stream", "topics under one name with one policy", stream_command},
    {"team", "principals, streams and quotas from one file", team_command},
    {"quota", "how much clients may use", quota_command},
    {"cluster", "its brokers and its health", cluster_command},
    {"produce", "write lines of stdin to a topic", produce_command},
    {"consume", "print the records of a topic", consume_command},
    {"bench", "how fast the cluster takes and gives records", bench_command},
    {"pki", "certificates for brokers and clients", pki_command},
    {"dev", "run a region on this machine for development and tests", dev_command},
};

/* Who reads what was printed must not take a part of it for all: the disk may be full. */
static int finish_output(int status)
{
    bool is_written = fflush(stdout) == 0 && ferror(stdout) == 0;

    if (!is_written) {
        complain("not everything could be written to standard output");
    }
    return is_written || status != STATUS_OK ? status : STATUS_FAILED;
}

int main(int argc, char **argv)
{
    static const struct command_table table = {
        .path = "gyre",
        .intro = "Operate Gyre, the Kafka-compatible stream store.",
        .examples = "  gyre dev up --dir /tmp/g --plaintext\n"
                    "  gyre topic create clicks --partitions 12\n"
                    "  seq 1000 | gyre produce clicks\n"
                    "  gyre consume clicks --from-beginning --exit\n"
                    "  gyre cluster health --bootstrap-server broker1:9092 -o json\n",
        .commands = groups,
        .count = sizeof groups / sizeof groups[0],
    };

    argp_err_exit_status = STATUS_USAGE;
    (void)signal(SIGPIPE, SIG_IGN); /* a broker that hangs up is an error like others */
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)puts("gyre " GYRE_VERSION);
        return finish_output(STATUS_OK);
    }
    return finish_output(command_dispatch(&table, argc, argv));
}
