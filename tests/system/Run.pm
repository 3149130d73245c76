# SPDX-License-Identifier: BSD-2-Clause
#
# For the system tests: runs a command of ours and keeps what it said.
#
#   my $r = run('make', '-s', 'run', {stdin => "print(1)\n", env => {SEED => 7}});
#   $r->{status}  $r->{out}  $r->{err}
package Run;

use strict;
use warnings;
use Exporter 'import';
use File::Temp qw(tempdir);

our @EXPORT = qw(run folder write_file read_file one_sentence);

# A folder that goes away with the test.
sub folder { return tempdir('minato.XXXXXX', TMPDIR => 1, CLEANUP => 1) }

sub write_file {
    my ($path, $text) = @_;
    open(my $file, '>', $path) or die "$path: $!";
    print $file $text;
    close($file) or die "$path: $!";
    return $path;
}

sub read_file {
    my ($path) = @_;
    open(my $file, '<', $path) or die "$path: $!";
    local $/;
    return scalar(<$file>) // '';
}

# Runs a command to its end; a status of 128 and more stands for a signal.
sub run {
    my $options = ref $_[-1] eq 'HASH' ? pop : {};
    my @command = @_;
    my $place = folder();
    write_file("$place/in", $options->{stdin} // '');
    my $child = fork() // die "fork: $!";
    if ($child == 0) {
        my $env = $options->{env} // {};
        $ENV{$_} = $env->{$_} for keys %$env;
        open(STDIN, '<', "$place/in") or die;
        open(STDOUT, '>', "$place/out") or die;
        open(STDERR, '>', "$place/err") or die;
        exec {$command[0]} @command;
        exit 127;
    }
    waitpid($child, 0);
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    return {status => $status, out => read_file("$place/out"), err => read_file("$place/err")};
}

# Does a text hold one line of its own (make's line about the failed recipe aside)?
sub one_sentence {
    my ($text) = @_;
    my @lines = grep { !/^make(\[\d+\])?: \*\*\*/ } split /\n/, $text;
    return @lines == 1;
}

1;
