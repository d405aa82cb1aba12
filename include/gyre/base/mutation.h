/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Planted bugs. A build with -DGYRE_MUTATION=n carries bug number n and no other; the simulator
 * must find it. With -DGYRE_MUTATION=-1 the number is chosen when the program starts, so that one
 * build serves all. tests/simulation/MUTATIONS.tsv says what each number breaks. With 0, which is
 * what is shipped, the compiler removes every trace.
 */
#ifndef GYRE_BASE_MUTATION_H
#define GYRE_BASE_MUTATION_H

#ifndef GYRE_MUTATION
#    define GYRE_MUTATION 0
#endif

#if GYRE_MUTATION < 0
extern int mutation_number;
#    define MUTATION(number) (mutation_number == (number))
#else
#    define MUTATION(number) (GYRE_MUTATION == (number))
#endif

#endif
