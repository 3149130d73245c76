/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MIG compiler: command line, preprocessor, and the order of things.
 *
 *   mig [-DNAME[=v]] [-UNAME] [-IDIR] [-cc COMMAND] [-prefix P] [-kernel-user] [-kernel-server]
 *       [-header F] [-user F] [-server F] [-sheader F] [-json F] [-traps F -trap-names "N ..."] file.defs
 *
 * Only the outputs asked for are written, and all or none of them.  Manual: docs/mig.md.
 */
#include "mig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    const char *preprocessor; /* a command, split at its spaces */
    char **cpp_options;       /* -D, -U, -I as given */
    int cpp_option_count;
    const char *source;
    const char *header, *user, *server, *sheader, *json, *traps;
    const char *trap_names; /* routines that have traps, with blanks between */
    const char *prefix;
} options;

static const char usage[] =
    "usage: mig [-DNAME[=v]] [-UNAME] [-IDIR] [-cc COMMAND] [-prefix P]\n"
    "           [-kernel-user] [-kernel-server]\n"
    "           [-header F] [-user F] [-server F] [-sheader F] [-json F]\n"
    "           [-traps F -trap-names \"N ...\"] file.defs\n";

static void add_cpp_option(char *option)
{
    options.cpp_options[options.cpp_option_count++] = option;
}

/* Options with a value of their own; the slot that the value goes to, or null. */
static const char **value_slot(const char *option)
{
    static const struct {
        const char *name;
        const char **slot;
    } slots[] = {
        {"-cc", &options.preprocessor}, {"-prefix", &options.prefix},
        {"-header", &options.header},   {"-user", &options.user},
        {"-server", &options.server},   {"-sheader", &options.sheader},
        {"-json", &options.json},       {"-traps", &options.traps},
        {"-trap-names", &options.trap_names},
    };

    for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++)
        if (same(option, slots[i].name))
            return slots[i].slot;
    return NULL;
}

static void parse_options(int argc, char **argv)
{
    options.cpp_options = zalloc((2 * argc + 3) * sizeof(char *));
    for (int i = 1; i < argc; i++) {
        const char **slot = value_slot(argv[i]);

        if (slot) {
            if (++i == argc)
                die("expected a value after %s\n%s", argv[i - 1], usage);
            *slot = argv[i];
        } else if (same(argv[i], "-kernel-user")) {
            subsys.kernel_user = true;
            add_cpp_option("-DKERNEL_USER=1");
        } else if (same(argv[i], "-kernel-server")) {
            subsys.kernel_server = true;
            add_cpp_option("-DKERNEL_SERVER=1");
        } else if (argv[i][0] == '-' && argv[i][1] && strchr("DUI", argv[i][1])) {
            add_cpp_option(argv[i]);
            if (!argv[i][2] && i + 1 < argc)
                add_cpp_option(argv[++i]);
        } else if (argv[i][0] == '-') {
            die("unknown option %s\n%s", argv[i], usage);
        } else if (options.source) {
            die("expected one .defs file, found %s after %s", argv[i], options.source);
        } else {
            options.source = argv[i];
        }
    }
    if (!options.source)
        die("expected a .defs file\n%s", usage);
    if (options.traps && (!options.trap_names || !subsys.kernel_server))
        die("-traps wants -trap-names and -kernel-server\n%s", usage);
}

/* ---- preprocessor --------------------------------------------------------------------------- */

static char **preprocessor_command(void)
{
    const char *command = options.preprocessor;
    char **argv, **end;

    if (!command)
        command = getenv("MIGCC") ? getenv("MIGCC") : "cc";
    argv = end = zalloc((strlen(command) + options.cpp_option_count + 10) * sizeof(char *));
    for (char *word = strtok(substring(command, strlen(command)), " "); word;
         word = strtok(NULL, " "))
        *end++ = word;
    *end++ = "-E";
    *end++ = "-undef";
    *end++ = "-Wno-endif-labels"; /* OSF's .defs write #endif NAME */
    for (int i = 0; i < options.cpp_option_count; i++)
        *end++ = options.cpp_options[i];
    *end++ = "-x";
    *end++ = "c";
    *end++ = (char *)options.source;
    return argv;
}

/* Parses what the preprocessor makes of the source. */
static void read_source(void)
{
    char **argv = preprocessor_command();
    int fds[2], status;
    pid_t child;
    FILE *in;

    if (access(options.source, R_OK) != 0)
        die("cannot read %s: %s", options.source, strerror(errno));
    if (pipe(fds) != 0 || (child = fork()) < 0)
        die("cannot start the preprocessor: %s", strerror(errno));
    if (child == 0) {
        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]);
        close(fds[1]);
        execvp(argv[0], argv);
        fprintf(stderr, "mig: cannot run the preprocessor %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    close(fds[1]);
    in = fdopen(fds[0], "r");
    lexer_start(in, options.source);
    if (yyparse() != 0 && error_count == 0)
        die("cannot parse %s", options.source);
    while (fgetc(in) != EOF) /* after an error: let the preprocessor finish */
        continue;
    fclose(in);
    if (waitpid(child, &status, 0) != child || status != 0)
        die("the preprocessor failed on %s", options.source);
}

/* ---- outputs -------------------------------------------------------------------------------- */

static void finish_subsystem(void)
{
    if (!subsys.name && error_count == 0)
        error_at((struct place){options.source, 1},
                 "expected a subsystem statement, found none in the file");
    if (!subsys.server_demux)
        subsys.server_demux = format("%s_server", subsys.name);
    for (struct routine *r = subsys.routines; r; r = r->next) {
        if (options.prefix)
            r->user_name = format("%s%s", options.prefix, r->name);
        layout_message(&r->request);
        if (!r->simple)
            layout_message(&r->reply);
    }
}

/* A header as the .c file beside or below it should include it, or null if there is none. */
static const char *header_for(const char *source, const char *header)
{
    if (!source || !header || same(header, "/dev/null"))
        return NULL;
    return relative_path(source, header);
}

static void write_outputs(void)
{
    if (options.header)
        emit_header(output_open(options.header)->stream, USER_SIDE, options.header);
    if (options.sheader)
        emit_header(output_open(options.sheader)->stream, SERVER_SIDE, options.sheader);
    if (options.user)
        emit_user(output_open(options.user)->stream, header_for(options.user, options.header));
    if (options.server)
        emit_server(output_open(options.server)->stream,
                    header_for(options.server, options.sheader));
    if (options.json)
        emit_json(output_open(options.json)->stream);
    if (options.traps)
        emit_traps(output_open(options.traps)->stream, options.trap_names);
    outputs_commit();
}

int main(int argc, char **argv)
{
    parse_options(argc, argv);
    subsys.source = options.source;
    read_source();
    if (error_count == 0)
        finish_subsystem();
    if (error_count != 0)
        return 1;
    write_outputs();
    return 0;
}
