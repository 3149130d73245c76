#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rule: the private apt root takes Debian's own entries from whatever style the machine's apt sources
# have, keeps mirror and key, asks for sources instead of programs, and leaves everyone else's out.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

plan skip_all => 'no apt here' unless -x '/usr/bin/apt-config';
my ($release) = read_file('/etc/os-release') =~ /^VERSION_CODENAME="?(\w+)/m;
plan skip_all => 'this release has no code name' unless $release;

# What apt-root makes of a machine with these source files.
sub sources {
    my %files = @_;
    my $place = folder();
    mkdir "$place/parts";
    write_file("$place/" . ($_ eq 'sources.list' ? $_ : "parts/$_"), $files{$_}) for keys %files;
    write_file("$place/conf", <<"END");
Dir::Etc::sourcelist "$place/sources.list";
Dir::Etc::sourceparts "$place/parts";
END
    return run('tools/apt-root', 'sources', {env => {APT_CONFIG => "$place/conf"}});
}

my $r = sources('sources.list' => <<"END");
# deb http://comment.invalid/debian $release main
deb [arch=amd64] http://mirror.invalid/debian $release main contrib non-free-firmware
deb [ arch=amd64 signed-by=/keys/debian.gpg] http://mirror.invalid/sec $release-security main
deb-src http://mirror.invalid/debian $release main
deb http://third.invalid/apt cloud-$release main
deb http://third.invalid/linux $release stable
END
is($r->{out}, <<"END" . "\n", 'one-line style');
deb-src http://mirror.invalid/debian $release main
deb-src [signed-by=/keys/debian.gpg] http://mirror.invalid/sec $release-security main
END

$r = sources('debian.sources' => <<"END", 'other.sources' => <<"OTHER", 'old.list.disabled' => <<"OLD");
Types: deb
# a comment in the middle
URIs: http://mirror.invalid/debian
Suites: $release $release-updates
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 key

Types: deb
Enabled: no
URIs: http://off.invalid/debian
Suites: $release
Components: main
END
Types: deb
URIs: http://third.invalid/node
Suites: nodistro
Components: main
OTHER
deb http://disabled.invalid/debian $release main
OLD
my $said = $r->{out};
like($said, qr/^Types: deb-src\nComponents: main$/m, 'deb822 style: sources of main');
like($said, qr{^uris: http://mirror\.invalid/debian\nsuites: $release $release-updates$}m,
    'mirror and suites as they were');
like($said, qr/^signed-by: *\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n \.\n key$/m,
    'a key inside the entry stays with it');
unlike($said, qr/off\.invalid|third\.invalid|disabled\.invalid/, "and nobody else's entries");

$r = sources('third.list' => "deb http://third.invalid/apt cloud main\n");
isnt($r->{status}, 0, 'a machine without a Debian mirror: refused');
like($r->{err}, qr/^apt-root: this machine's apt sources name no Debian mirror .*LUA_SRC=DIR$/,
    'with what to do');

done_testing();
