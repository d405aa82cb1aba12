/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intrusive doubly linked list. A link is embedded in the element; the list owns nothing.
 * A link that is in no list points to itself, so list_remove() is safe to repeat.
 */
#ifndef GYRE_BASE_LIST_H
#define GYRE_BASE_LIST_H

#include <stdbool.h>

#include "gyre/base/check.h"

struct list {
    struct list *next;
    struct list *previous;
};

static inline void list_init(struct list *list)
{
    list->next = list;
    list->previous = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

/* Also the question "is this link in some list?", negated. */
static inline bool list_is_alone(const struct list *link)
{
    return link->next == link;
}

static inline void list_insert_before(struct list *where, struct list *link)
{
    link->next = where;
    link->previous = where->previous;
    where->previous->next = link;
    where->previous = link;
}

static inline void list_append(struct list *list, struct list *link)
{
    list_insert_before(list, link);
}

static inline void list_prepend(struct list *list, struct list *link)
{
    list_insert_before(list->next, link);
}

static inline void list_remove(struct list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

/* Move all links of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_append_all(struct list *to, struct list *from)
{
    if (!list_is_empty(from)) {
        from->next->previous = to->previous;
        to->previous->next = from->next;
        from->previous->next = to;
        to->previous = from->previous;
        list_init(from);
    }
}

#define list_entry(link, type, member) CONTAINER_OF(link, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)

/* NOLINTBEGIN(bugprone-macro-parentheses): a declared name takes no parentheses. */
#define list_for_each(link, head)                                                                  \
    for (struct list *link = (head)->next; link != (head); link = link->next)

/* The current link may be removed and freed in the body; other links may not. */
#define list_for_each_safe(link, head)                                                             \
    for (struct list *link = (head)->next, *link##_next = link->next; link != (head);              \
         link = link##_next, link##_next = link->next)

/* NOLINTEND(bugprone-macro-parentheses) */

#endif
