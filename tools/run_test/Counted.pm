# SPDX-License-Identifier: BSD-2-Clause
#
# prove's usual report with one line after it: "N passed, N failed". A file that went wrong without
# a failed point (it died, or broke its plan) counts as one failure.
package Counted;

use strict;
use warnings;
use TAP::Formatter::Console;
use TAP::Formatter::File;

# Progress bars are for terminals.
our @ISA = (-t STDOUT ? 'TAP::Formatter::Console' : 'TAP::Formatter::File');

sub summary {
    my ($self, $aggregate, $interrupted) = @_;
    $self->SUPER::summary($aggregate, $interrupted);
    my $failed = $interrupted ? 1 : 0;
    for my $parser ($aggregate->parsers) {
        $failed += scalar($parser->failed) || ($parser->has_problems ? 1 : 0);
    }
    printf "%d passed, %d failed\n", scalar($aggregate->passed), $failed;
}

1;
