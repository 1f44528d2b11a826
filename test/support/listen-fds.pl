# perl listen-fds.pl DESTDIR COMMAND...
#
# Opens the sockets of the socket units below DESTDIR as systemd would, each bound to its device, and
# hands them to COMMAND as sd_listen_fds(3) describes. systemd-socket-activate knows no BindToDevice.
use strict;
use warnings;
use Socket;
use POSIX ();

my $dir = shift;
$^F = 255;    # descriptors stay open over exec
my (@sockets, @names);
for my $unit (sort glob "$dir/etc/systemd/system/*.socket") {
  open my $in, "<", $unit or die "$unit: $!";
  my %key = map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } <$in>;
  close $in;
  my $listen = $key{ListenDatagram} // $key{ListenStream};
  my ($address, $port) = split /:/, $listen;
  socket my $s, AF_INET, ($key{ListenStream} ? SOCK_STREAM : SOCK_DGRAM), 0 or die "socket: $!";
  setsockopt $s, SOL_SOCKET, 25, "$key{BindToDevice}\0" or die "SO_BINDTODEVICE: $!";
  setsockopt $s, SOL_SOCKET, SO_REUSEADDR, 1 if $key{ListenStream};
  setsockopt $s, SOL_SOCKET, SO_BROADCAST, 1 if $key{ListenDatagram};
  bind $s, sockaddr_in($port, inet_aton($address)) or die "$listen: $!";
  if ($key{ListenStream}) { listen $s, 64 or die "$listen: $!" }
  push @sockets, $s;
  push @names, $key{FileDescriptorName};
}
@sockets or die "no socket units below $dir";

# Out of the way first, then to 3 and up, in order.
my @high = 100 .. 99 + @sockets;
POSIX::dup2(fileno $sockets[$_], $high[$_]) // die "dup2: $!" for 0 .. $#high;
POSIX::dup2($high[$_], 3 + $_) // die "dup2: $!" for 0 .. $#high;
POSIX::close($_) for @high;
$ENV{LISTEN_PID} = $$;
$ENV{LISTEN_FDS} = @high;
$ENV{LISTEN_FDNAMES} = join ":", @names;
exec @ARGV or die "$ARGV[0]: $!";
