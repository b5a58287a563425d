package Tea::Job::Locale;
use v5.36;
use utf8;

# Names of days and money as the C library has them for a locale that was made in the image.
sub run ($class, $request) {
    require POSIX;
    my $name = POSIX::setlocale(POSIX::LC_ALL(), 'de_DE.UTF-8') // return 'no such locale';
    my $day   = POSIX::strftime('%A %d. %B', gmtime 1719835200);
    my $money = POSIX::localeconv();
    POSIX::setlocale(POSIX::LC_ALL(), 'C');
    return "$name: $day, $money->{decimal_point} $money->{int_curr_symbol}";
}

1;
